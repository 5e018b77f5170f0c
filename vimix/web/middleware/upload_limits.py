"""The doors: how much comes in, how often, and from whom. Defaults are on; what is refused is said in a sentence."""

import asyncio
import logging
import os
import re
import time

from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vimix.errors import VimixError, megabytes
from vimix.settings import Settings
from vimix.stores.local import free_bytes
from vimix.web.middleware.counted_fetches import CountedFetches
from vimix.web.middleware.rate_limit import limiter, visitor_of
from vimix.web.middleware.request_body import (
    BUFFERED,
    BUFFERED_PER_VISITOR,
    CALLS,
    FILES_AT_ONCE,
    JSON_BYTES,
    MB,
    SPARE_BYTES,
    STALL,
    Body,
    Buffered,
    Refusal,
    Upload,
    answer_for,
    refusal,
)
from vimix.web.middleware.reservations import DiskSpace, Shares
from vimix.web.middleware.security_headers import BrowserRules

__all__ = ["Door", "answer_for", "limiter", "middleware", "refusal", "visitor_of"]

_FETCHES_FOR_OTHERS = re.compile(r"/(file=\s*[a-z][a-z0-9+.-]*:|file=\s*//|proxy=)", re.IGNORECASE)
"""Routes of Gradio that would fetch any public address for anybody."""
_JSON = re.compile(r"/(gradio_api/(call|run|api|queue/join|component_server|cancel|reset)\b|convert$|api/)")
"""Routes that take JSON and nothing else: a form of another site's page can send anything but that."""
log = logging.getLogger(__name__)


class Door:
    """Middleware before everything that takes bytes: size while it streams, rate, room on the disk, a stalled wire."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self.settings = settings
        self.file_bytes = settings.max_upload_mb * MB
        self.disk = DiskSpace(settings.data_dir, SPARE_BYTES, lambda folder: free_bytes(folder))
        self.buffered = Shares(
            BUFFERED, BUFFERED_PER_VISITOR, "Too much is being sent at once. Please try again in a moment."
        )

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
                raise Refusal(415, "type", "The request must be JSON: content-type application/json.")
            visitor = visitor_of(Request(scope), self.settings)
            body = Upload(self.settings, self.disk, headers, visitor) if upload else Buffered(self.buffered, visitor)
            await asyncio.to_thread(body.begin)
        except Refusal as no:
            await no.answer(scope, receive, send)
        except VimixError as error:
            await answer_for(error)(scope, receive, send)
        else:
            try:
                await self._pass_on(scope, receive, send, body=body, limit=limit)
            finally:
                body.close()

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send, *, body: Body, limit: int) -> None:
        refused: Refusal | None = None
        taken, complete, started = 0, False, False
        upload, begun = isinstance(body, Upload), time.monotonic()

        async def count() -> Message:
            nonlocal taken, complete, refused
            if complete:
                return await receive()
            try:
                left = begun + body.seconds(taken) - time.monotonic()
                message = await asyncio.wait_for(receive(), max(0.0, min(STALL, left)))
                if message["type"] == "http.disconnect":
                    raise Refusal(400, "broken_off", "The upload was interrupted.")
                taken += len(message.get("body", b""))
                if taken > limit:
                    raise self._too_large(upload)
                await body.received(message.get("body", b""))
            except TimeoutError:
                refused = Refusal(408, "stalled", body.too_slow)
                raise refused from None
            except Refusal as no:
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
        except Refusal as no:
            if not started:
                await no.answer(scope, receive, send)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            if started or not CALLS.search(scope["path"]):
                raise
            await _malformed(error)(scope, receive, send)

    def _too_large(self, upload: bool) -> Refusal:
        sentence = f"This file is too large; the limit is {megabytes(self.settings.max_upload_mb << 20)}."
        return Refusal(413, "upload_size", sentence if upload else "This request is too large.")


def _malformed(error: Exception) -> JSONResponse:
    log.info("a call that is not as it should be: %s", type(error).__name__)
    return refusal(422, "call", "This call is malformed: docs/api.md says what each endpoint accepts.")


def _says_json(headers: Headers) -> bool:
    return headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"


def middleware(settings: Settings) -> list[Middleware]:
    """The doors, outermost first."""
    if not settings.trusted_proxies:  # else uvicorn believes whatever a local process forwards
        os.environ.setdefault("FORWARDED_ALLOW_IPS", "")
    return [
        Middleware(BrowserRules, settings=settings),
        Middleware(Door, settings=settings),
        Middleware(CountedFetches, settings=settings),
    ]
