"""A request's body while it is taken in: what it holds, how long it may take, and how it is refused on the way."""

import asyncio
import math
import re
from typing import Any

from starlette.datastructures import Headers
from starlette.formparsers import MultiPartException
from starlette.responses import JSONResponse

from vimix.errors import Busy, VimixError
from vimix.settings import Settings
from vimix.web.middleware.rate_limit import limiter
from vimix.web.middleware.reservations import DiskSpace, Parts, Reservation, Shares
from vimix.web.ops.metrics import REFUSED

MB = 1 << 20
JSON_BYTES = 4 * MB
"""A request that is not an upload may have."""
FILES_AT_ONCE = 20
CALLS = re.compile(r"/gradio_api/(call|run|api|queue/join)\b")
"""Routes of Gradio that stumble, rather than say so, where an argument is missing or a number is not finite."""
TOOLS = re.compile(r"/gradio_api/mcp(/|$)")
"""Where MCP's tools are called."""
SPARE_BYTES = 512 * MB
"""Of the disk, for us to go on working."""
STALL = 60.0
"""Seconds within which an upload must go on."""
LEAST_RATE = 16_000
"""Bytes a second that an upload must have on the whole, after the first `STALL` seconds: a telephone's slowest line has
more, and 100 MB then hold a place for less than two hours."""
JSON_SECONDS = 30.0
"""Within which a request that is not an upload must be here."""
BUFFERED, BUFFERED_PER_VISITOR = 64 * MB, 3 * JSON_BYTES
"""Bytes of unfinished requests that are not uploads: they are held in memory until they are whole."""


class Refusal(MultiPartException):
    """Raised inside of a body that is being read: Gradio's parser then deletes what it wrote so far."""

    def __init__(self, status: int, reason: str, sentence: str) -> None:
        super().__init__(sentence)
        self.answer = refusal(status, reason, sentence)

    @classmethod
    def of(cls, busy: Busy) -> "Refusal":
        """The same, in the middle of a body."""
        no = cls(busy.status, "busy", busy.public)
        no.answer = answer_for(busy)
        return no


def refusal(status: int, reason: str, sentence: str, **headers: str) -> JSONResponse:
    """A refusal as every door gives it."""
    REFUSED.labels(reason).inc()
    return JSONResponse({"error": sentence}, status, headers={"connection": "close", **headers})


def answer_for(error: VimixError) -> JSONResponse:
    """One of our errors, as JSON with its status."""
    body: dict[str, Any] = {"error": error.public}
    headers = {"cache-control": "no-store"}
    if isinstance(error, Busy):
        body["retry_after"] = math.ceil(error.retry_after)
        headers["retry-after"] = str(body["retry_after"])
    return JSONResponse(body, error.status, headers=headers)


class Body:
    """What a body that is being taken in holds, and how long it may take."""

    too_slow = ""
    """What is said when it took longer."""

    def begin(self) -> None:
        """Before the first byte; may block. Raises `Refusal`, `Busy`."""

    def seconds(self, taken: int) -> float:
        """How long it may have taken until the next bytes come, of which `taken` came."""
        raise NotImplementedError

    async def received(self, body: bytes) -> None:
        """These bytes came. Raises `Refusal`."""

    def close(self) -> None:
        """Give back what was held."""


class Buffered(Body):
    """A request that is held in memory until it is whole."""

    too_slow = "The request was sent too slowly. Please send it again."

    def __init__(self, shares: Shares, visitor: str) -> None:
        self._shares, self._visitor, self._taken = shares, visitor, 0

    def seconds(self, taken: int) -> float:
        """The same for every request."""
        return JSON_SECONDS

    async def received(self, body: bytes) -> None:
        """Add them to what is in memory."""
        try:
            self._shares.take(self._visitor, len(body))
        except Busy as busy:
            raise Refusal.of(busy) from None
        self._taken += len(body)

    def close(self) -> None:
        """They are no longer in memory."""
        self._shares.give_back(self._visitor, self._taken)


class Upload(Body):
    """Files: each is counted, and room on the disk is reserved before its bytes are passed on."""

    too_slow = "The upload stalled or was too slow. Please send it again."

    def __init__(self, settings: Settings, disk: DiskSpace, headers: Headers, visitor: str) -> None:
        self._settings, self._visitor = settings, visitor
        self._room = Reservation(disk)
        declared = headers.get("content-length", "")
        self._declared = int(declared) if declared.isdigit() else 0
        boundary = re.search(r'boundary="?([^";]{1,70})"?', headers.get("content-type", ""))
        self._parts = Parts(boundary[1].encode("latin-1")) if boundary else None

    def begin(self) -> None:
        """Count the first file, and reserve what is declared."""
        limiter(self._settings).upload(self._visitor)
        if not self._room.extend(self._declared or Reservation.STEP):
            raise _no_room()

    def seconds(self, taken: int) -> float:
        """By the least rate."""
        return STALL + taken / LEAST_RATE

    async def received(self, body: bytes) -> None:
        """Reserve beyond what was declared, and count the files after the first."""
        if not self._room.received(len(body)):
            raise _no_room()
        if self._parts is None:
            return
        before, found = self._parts.count, self._parts.feed(body)
        if before + found > FILES_AT_ONCE + 1:  # the last delimiter closes the body
            raise Refusal(413, "files", f"These are too many files; at most {FILES_AT_ONCE} are accepted at once.")
        # the first file was counted before it came, and the delimiter after the last one begins no other
        for number in range(before + 1, before + found + 1):
            if number > 2:
                try:
                    await asyncio.to_thread(limiter(self._settings).upload, self._visitor)
                except Busy as busy:
                    raise Refusal.of(busy) from None

    def close(self) -> None:
        """What did not come is free again."""
        self._room.close()


def _no_room() -> Refusal:
    return Refusal(507, "disk", "The server's disk is full. Please try again later.")
