"""Files for `/api/submit`: sent straight into the bucket, or through us where there is none.

They are in the shared store then and named by a key, so that any process may take the next request.
"""

import asyncio
import hashlib
import hmac
import json
import re
import secrets
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from vimix.errors import Gone, NotFound, Refused, UsageError, megabytes
from vimix.jobs.model import Ticket
from vimix.jobs.service import JobService
from vimix.options import Options, to_options
from vimix.settings import Settings
from vimix.web.api.answers import answering, asked_of, options_in, ticket_answer
from vimix.web.middleware.public_address import root_of
from vimix.web.middleware.rate_limit import limiter, secret_of, visitor_of

SECONDS = 900.0
"""For which an upload may begin after leave was given."""
_MIME = re.compile(r"(video|image)/[a-z0-9.+-]{1,60}|application/octet-stream")
_KEY = re.compile(r"up/[0-9a-f]{32}")


def routes(service: JobService, settings: Settings) -> list[BaseRoute]:
    """Leave to send a file, the way through us, and work on what was sent."""
    it = Uploads(service, settings)
    return [
        Route("/api/upload-url", answering(it.leave), methods=["POST"]),
        Route("/api/up/{name}/upload", answering(it.take), methods=["PUT"]),
        Route("/api/submit", answering(it.submit), methods=["POST"]),
    ]


class Uploads:
    """The handlers, on one service."""

    def __init__(self, service: JobService, settings: Settings) -> None:
        self.service, self.settings = service, settings

    async def leave(self, request: Request) -> Response:
        """`{"bytes", "mime"}`: where and how to PUT that file, and the key to submit it by."""
        asked = await asked_of(request)
        size, mime = asked.get("bytes"), asked.get("mime") or "application/octet-stream"
        if not isinstance(size, int) or size < 1 or not isinstance(mime, str) or not _MIME.fullmatch(mime):
            raise UsageError("Give the size of the file (bytes) and its type (mime), a video or an image.")
        self._check_size(size)
        await asyncio.to_thread(limiter(self.settings).upload, visitor_of(request, self.settings))
        key = f"up/{secrets.token_hex(16)}"
        leave = await asyncio.to_thread(self.service.files.upload_url, key, bytes=size, mime=mime, seconds=SECONDS)
        sent: dict[str, Any] = {"method": "PUT", "key": key}
        if leave is None:
            until = str(int(time.time() + SECONDS))
            query = {"bytes": size, "until": until, "signature": self._signature(key, size, until)}
            sent["url"] = f"{root_of(request, self.settings)}/api/{key}/upload?{urlencode(query)}"
            sent |= {"headers": {"Content-Type": mime}, "expires": float(until)}
        else:
            sent |= {"url": leave.url, "headers": leave.headers, "expires": leave.expires}
        return JSONResponse(sent, headers={"cache-control": "no-store"})

    async def take(self, request: Request) -> Response:
        """A file by the leave that was given for it: exactly so many bytes."""
        asked, key = request.query_params, f"up/{request.path_params['name']}"
        size, until = asked.get("bytes", ""), asked.get("until", "")
        signature = self._signature(key, int(size) if size.isdecimal() else 0, until)
        if not hmac.compare_digest(asked.get("signature", "").encode(), signature.encode()):
            raise NotFound("There is no such upload.")
        if float(until) < time.time():
            raise Gone("This upload link has expired. Ask for a new one.")
        self.settings.data_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.settings.data_dir) as folder:
            file = Path(folder) / "upload"
            with file.open("wb") as to:
                async for piece in request.stream():
                    await asyncio.to_thread(to.write, piece)
                    if to.tell() > int(size):
                        break
                taken = to.tell()
            if taken != int(size):
                raise UsageError(f"The file is {size} bytes, not the size that was announced.")
            await asyncio.to_thread(self.service.files.put, key, file, mime="application/octet-stream")
        return JSONResponse({"key": key}, 201)

    def _signature(self, key: str, size: int, until: str) -> str:
        said = json.dumps(["upload", key, size, until]).encode()
        return hmac.new(secret_of(self.settings), said, hashlib.sha256).hexdigest()

    async def submit(self, request: Request) -> Response:
        """`{"key", "name", "options", "notify"}`: begin on a file that was sent with an upload link."""
        asked = await asked_of(request)
        key, name, options = str(asked.get("key", "")), str(asked.get("name") or "clip")[:200], options_in(asked)
        if not _KEY.fullmatch(key):
            raise NotFound("There is no such upload.")
        visitor, notify = visitor_of(request, self.settings), str(asked.get("notify") or "")
        return ticket_answer(await asyncio.to_thread(self._submit, key, name, to_options(options), visitor, notify))

    def _submit(self, key: str, name: str, options: Options, visitor: str, notify: str) -> Ticket:
        stored = self.service.files.head(key)
        if stored is None:
            raise NotFound("There is no such upload.")
        self._check_size(stored.bytes)
        with tempfile.TemporaryDirectory(dir=self.settings.data_dir) as folder:
            file = Path(folder) / "upload"
            self.service.files.fetch(key, file)
            ticket = self.service.submit(file, name, options, visitor=visitor, notify=notify)
        self.service.files.delete(key)
        return ticket

    def _check_size(self, size: int) -> None:
        if size > (limit := self.settings.max_upload_mb << 20):
            too_large = Refused(f"This file is {megabytes(size)}; the limit is {megabytes(limit)}.")
            too_large.status = 413
            raise too_large
