"""Filmstrips, previews and comparisons: small answers about strangers' files, each made in a child process.

Two warm children: one decodes only, the other runs networks too, so that a filmstrip never waits behind a preview. At
most two files are thus decoded at once. A visitor may have `PER_VISITOR` requests under way and the whole line
`WAITING`; beyond that the answer is `Busy`, so that the web process's threads are never used up by those that wait.
A child that crashes, hangs or takes too much memory is killed, and only its own request fails.
"""

import asyncio
import tempfile
import threading
from collections import Counter
from collections.abc import Mapping
from typing import Any

from vimix.errors import Busy, Failed, Refused, UsageError, VimixError
from vimix.jobs.worker.child_process import REAL_WORK, Bounds, ChildProcess, Lost, as_json
from vimix.matting.networks.cpu import has_nvidia_driver
from vimix.pipeline.request import Resources
from vimix.settings import Settings

PER_VISITOR = 3
"""Requests of one visitor under way: the page has a filmstrip, a preview and a comparison at once at most."""
WAITING = 12
"""Requests under way or waiting, of all visitors: each holds one of the web server's 80 threads."""
WALL, NETWORK_WALL = 20.0, 120.0
"""Seconds for one request. The second is for the first preview on a machine, which compiles the network."""
ADDRESS_SPACE, NETWORK_ADDRESS_SPACE = 3 << 30, 6 << 30
"""Bytes of address space. A photograph of 25 million pixels takes 1 GB; a network's runtime maps 3 GB."""
FILE_BYTES = 64 << 20
"""A child that decodes only writes nothing, but its libraries may."""


class Previews:
    """The children, the line before them, and the thread whose event loop speaks to them."""

    def __init__(self, settings: Settings, *, bounds: Bounds | None = None) -> None:
        """`bounds`: instead of those above, for both children."""
        given = as_json(Resources.of(settings))
        cuda = settings.device != "cpu" and has_nvidia_driver()  # it maps more address space than there is memory
        network = Bounds(wall=NETWORK_WALL, stall=NETWORK_WALL, address_space=0 if cuda else NETWORK_ADDRESS_SPACE)
        decode = Bounds(wall=WALL, stall=WALL, file_bytes=FILE_BYTES, address_space=ADDRESS_SPACE)
        self._network = ChildProcess(REAL_WORK, bounds or network, given)
        self._decode = ChildProcess(REAL_WORK, bounds or decode, {**given, "warm": False})
        self._turns: dict[ChildProcess, asyncio.Lock] = {}
        self._under_way: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    def ask(self, kind: str, visitor: str, **arguments: Any) -> dict[str, Any]:
        """The answer of `vimix.pipeline.preview.ANSWERS[kind]`; blocks. Raises what it raises, `Busy`, `Refused`."""
        with self._lock:
            if self._under_way.total() >= WAITING or self._under_way[visitor] >= PER_VISITOR:
                raise Busy("Too many previews at once. Please try again in a moment.", retry_after=3)
            self._under_way[visitor] += 1
            loop = self._running()
        try:
            return asyncio.run_coroutine_threadsafe(self._ask(kind, arguments), loop).result()
        finally:
            with self._lock:
                self._under_way[visitor] -= 1
                if not self._under_way[visitor]:
                    del self._under_way[visitor]

    def close(self) -> None:
        """End the children and the thread."""
        with self._lock:
            loop, self._loop = self._loop, None
        if loop is not None:
            asyncio.run_coroutine_threadsafe(self._kill(), loop).result()
            loop.call_soon_threadsafe(loop.stop)
            self._thread.join()
            loop.close()

    def _running(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            # one thread for as long as the children live: the kernel ends them with the thread that started them
            self._thread = threading.Thread(target=self._loop.run_forever, name="previews", daemon=True)
            self._thread.start()
            self._turns = {child: asyncio.Lock() for child in (self._network, self._decode)}
        return self._loop

    async def _ask(self, kind: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        child = self._network if kind == "preview" else self._decode
        async with self._turns[child]:
            with tempfile.TemporaryDirectory(prefix="vimix-preview-", ignore_cleanup_errors=True) as folder:
                spec = {"kind": kind, "folder": folder, "arguments": dict(arguments)}
                try:
                    last = await child.run(spec, lambda event: None)
                except Lost as error:
                    raise Refused(
                        "This file could not be previewed: it needs too much time or memory.", cause=error.cause
                    ) from error
        if last["ev"] == "error":
            raise _as_error(last)
        answer: dict[str, Any] = last["answer"]
        return answer

    async def _kill(self) -> None:
        await self._network.kill()
        await self._decode.kill()


def _as_error(event: Mapping[str, Any]) -> VimixError:
    status = event.get("status", 500)
    kind = UsageError if status == UsageError.status else Failed
    error = kind(event["public"], cause=event["cause"])
    error.status = status
    return error
