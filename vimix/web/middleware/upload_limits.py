"""The doors: how much comes in, how often, and from whom. Defaults are on; what is refused is said in a sentence."""

import asyncio
import logging
import math
import os
import re
from typing import Any

from starlette.datastructures import Headers
from starlette.formparsers import MultiPartException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vimix.errors import Busy, VimixError, megabytes
from vimix.settings import Settings
from vimix.stores.local import free_bytes
from vimix.web.middleware.rate_limit import limiter, visitor_of
from vimix.web.middleware.security_headers import BrowserRules
from vimix.web.ops.metrics import REFUSED

__all__ = ["Door", "answer_for", "limiter", "middleware", "refusal", "visitor_of"]

MB = 1 << 20
JSON_BYTES = 4 * MB
"""A request that is not an upload may have."""
FILES_AT_ONCE = 20
STALL = 60.0
"""Seconds within which an upload must go on."""
SPARE_BYTES = 512 * MB
"""Of the disk, for us to go on working."""
_FETCHES_FOR_OTHERS = re.compile(r"/(file=\s*[a-z][a-z0-9+.-]*:|file=\s*//|proxy=)", re.IGNORECASE)
"""Routes of Gradio that would fetch any public address for anybody."""
_CALLS = re.compile(r"/gradio_api/(call|run|api|queue/join)\b")
"""Routes of Gradio that stumble, rather than say so, where an argument is missing or a number is not finite."""
_JSON = re.compile(r"/(gradio_api/(call|run|api|queue/join|component_server|cancel|reset)\b|convert$|api/)")
"""Routes that take JSON and nothing else: a form of another site's page can send anything but that."""
log = logging.getLogger(__name__)


class _Refusal(MultiPartException):
    """Raised inside of a body that is being read: Gradio's parser then deletes what it wrote so far."""

    def __init__(self, status: int, reason: str, sentence: str) -> None:
        super().__init__(sentence)
        self.answer = refusal(status, reason, sentence)


def refusal(status: int, reason: str, sentence: str, **headers: str) -> JSONResponse:
    """A refusal as every door gives it."""
    REFUSED.labels(reason).inc()
    return JSONResponse({"error": sentence}, status, headers={"connection": "close", **headers})


class Door:
    """Middleware before everything that takes bytes: size while it streams, rate, room on the disk, a stalled wire."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self.settings = settings
        self.file_bytes = settings.max_upload_mb * MB

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
        elif _FETCHES_FOR_OTHERS.search(scope["path"]):
            await refusal(403, "proxy", "Files from other sites are not fetched.")(scope, receive, send)
        elif scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self.app(scope, receive, send)
        else:
            await self._take(scope, receive, send)

    async def _take(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        upload = scope["path"].rstrip("/").endswith("/upload") or "multipart" in headers.get("content-type", "")
        limit = self.file_bytes * FILES_AT_ONCE if upload else JSON_BYTES
        declared = headers.get("content-length", "")
        try:
            if declared.isdigit() and int(declared) > limit:
                raise self._too_large(upload)
            if not upload and _JSON.search(scope["path"]) and not _says_json(headers):
                raise _Refusal(415, "type", "The request must be JSON: content-type application/json.")
            if upload:
                await asyncio.to_thread(self._may_upload, Request(scope))
        except _Refusal as no:
            await no.answer(scope, receive, send)
        except VimixError as error:
            await answer_for(error)(scope, receive, send)
        else:
            await self._pass_on(scope, receive, send, upload=upload, limit=limit)

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send, *, upload: bool, limit: int) -> None:
        taken, complete = 0, False
        refused: _Refusal | None = None
        started = False

        async def count() -> Message:
            nonlocal taken, complete, refused
            if complete:
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), STALL)
                if message["type"] == "http.disconnect":
                    raise _Refusal(400, "broken_off", "The upload was interrupted.")
                taken += len(message.get("body", b""))
                if taken > limit:
                    raise self._too_large(upload)
            except TimeoutError:
                refused = _Refusal(408, "stalled", "The upload stalled for a minute. Please send it again.")
                raise refused from None
            except _Refusal as no:
                refused = no
                raise
            complete = not message.get("more_body", False)
            return message

        async def answer(message: Message) -> None:
            nonlocal started, refused
            if started and refused is not None:
                return
            if message["type"] == "http.response.start":
                if upload and message["status"] == 413 and refused is None:
                    refused = self._too_large(upload)
                if refused is not None:
                    started = True
                    await refused.answer(scope, receive, send)
                    return
            await send(message)
            started = started or message["type"] == "http.response.start"

        try:
            await self.app(scope, count, answer)
        except _Refusal as no:
            if not started:
                await no.answer(scope, receive, send)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            if started or not _CALLS.search(scope["path"]):
                raise
            log.info("a call that is not as it should be: %s", type(error).__name__)
            sentence = "This call is malformed: docs/api.md says what each endpoint accepts."
            await refusal(422, "call", sentence)(scope, receive, send)

    def _may_upload(self, request: Request) -> None:
        limiter(self.settings).upload(visitor_of(request, self.settings))
        self.settings.data_dir.mkdir(parents=True, exist_ok=True)
        if free_bytes(self.settings.data_dir) < SPARE_BYTES + self.file_bytes:
            raise _Refusal(507, "disk", "The server's disk is full. Please try again later.")

    def _too_large(self, upload: bool) -> _Refusal:
        sentence = f"This file is too large; the limit is {megabytes(self.settings.max_upload_mb << 20)}."
        return _Refusal(413, "upload_size", sentence if upload else "This request is too large.")


def _says_json(headers: Headers) -> bool:
    return headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"


def answer_for(error: VimixError) -> JSONResponse:
    """One of our errors, as JSON with its status."""
    told: dict[str, Any] = {"error": error.public}
    headers = {"cache-control": "no-store"}
    if isinstance(error, Busy):
        told["retry_after"] = math.ceil(error.retry_after)
        headers["retry-after"] = str(told["retry_after"])
    return JSONResponse(told, error.status, headers=headers)


def middleware(settings: Settings) -> list[Middleware]:
    """The doors, outermost first."""
    if not settings.trusted_proxies:  # else uvicorn believes whatever a local process forwards
        os.environ.setdefault("FORWARDED_ALLOW_IPS", "")
    return [Middleware(BrowserRules, settings=settings), Middleware(Door, settings=settings)]
