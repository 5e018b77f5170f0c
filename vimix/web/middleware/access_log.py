"""One log line for each request, when its answer has been sent: method, path, status, seconds, bytes.

Who asked is not in it, nor what a visitor's file is called; probes are left out, as they would be most of the log.
"""

import logging
import re
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger(__name__)

_PROBES = {"/healthz", "/readyz", "/metrics"}
_NAMES = re.compile(r"(/file=|/api/up/).*|[\x00-\x1f\x7f]", re.DOTALL)
LONGEST = 200
"""Characters of a path that are logged."""


class AccessLog:
    """Middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        if scope["type"] != "http" or scope["path"] in _PROBES:
            await self.app(scope, receive, send)
            return
        began, status, sent = time.monotonic(), "-", 0

        async def count(message: Message) -> None:
            nonlocal status, sent
            if message["type"] == "http.response.start":
                status = str(message["status"])
            sent += len(message.get("body", b""))
            await send(message)

        try:
            await self.app(scope, receive, count)
        finally:
            path = _NAMES.sub(lambda found: (found[1] or "") + ("[upload]" if found[1] else "?"), scope["path"])[
                :LONGEST
            ]
            seconds = time.monotonic() - began
            log.info("%s %s: %s in %.3f s, %d bytes", scope["method"], path, status, seconds, sent)
