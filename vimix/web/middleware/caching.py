"""How long a browser may keep what it was sent: a year where the address changes with the content."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

FOREVER = "public, max-age=31536000, immutable"
HOUR = "public, max-age=3600"


class Caching:
    """Middleware: files whose address holds a hash of their content are kept for a year, other fixed files an hour."""

    def __init__(self, app: ASGIApp, version: str) -> None:
        """`version` is the hash of our own static files, as the page names it after `?v=`."""
        self.app, self._version = app, f"v={version}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        rule = self._rule(scope) if scope["type"] == "http" and scope["method"] in ("GET", "HEAD") else ""
        if not rule:
            await self.app(scope, receive, send)
            return

        async def keep(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] in (200, 206, 304):
                MutableHeaders(scope=message)["cache-control"] = rule
            await send(message)

        await self.app(scope, receive, keep)

    def _rule(self, scope: Scope) -> str:
        path, query = scope["path"], scope["query_string"]
        if path.startswith("/assets/"):  # Gradio's build names each by its hash
            return FOREVER
        if path.startswith("/page/"):
            return FOREVER if query == self._version else HOUR
        if path == "/theme.css" and query.startswith(b"v="):
            return FOREVER
        return HOUR if path.startswith(("/static/", "/svelte/", "/examples/")) or path == "/favicon.ico" else ""
