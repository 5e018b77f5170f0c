"""How the outside reaches us: one rule for scheme, host and path, for the page, for links and for redirections.

`PUBLIC_API_URL` counts wherever it is set. Otherwise the address that was asked for counts, with the scheme that the
proxy names in `X-Forwarded-Proto`. The path of `PUBLIC_API_URL` may or may not have been taken off by the proxy.
"""

from typing import Any
from urllib.parse import quote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vimix.settings import Settings


def root_of(request: Any, settings: Settings) -> str:
    """The address of the app for who asks, without a slash at its end. `request` is Starlette's or Gradio's."""
    if settings.public_url:
        return settings.public_url
    headers = request.headers
    host = _first(headers.get("x-forwarded-host", "")) or headers.get("host", "")
    return f"{_scheme(headers.get('x-forwarded-proto', ''), request.url.scheme)}://{host}"


def _first(values: str) -> str:
    """What the outermost proxy wrote."""
    return values.split(",")[0].strip()


def _scheme(forwarded: str, connection: str) -> str:
    named = _first(forwarded).lower()
    return named if named in ("http", "https") else connection


class PublicAddress:
    """Middleware, outermost: within it paths are without the prefix and the scheme is the visitor's."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app, self.public = app, settings.public_url
        self.prefix = urlsplit(settings.public_url).path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        named = urlsplit(self.public).scheme or _scheme(headers.get("x-forwarded-proto", ""), scope["scheme"])
        path = str(scope["path"])
        if self.prefix and path == self.prefix:  # links of the page are relative to what ends with a slash
            query = scope.get("query_string", b"").decode("latin-1")
            there = f"{self.public}/" + (f"?{query}" if query else "")
            await RedirectResponse(there, 307)(scope, receive, send)
            return
        if self.prefix and path.startswith(self.prefix + "/"):
            path = path[len(self.prefix) :]
        # Gradio's root path is a whole address and no part of the path: Starlette would look for it there
        changed = {**scope, "scheme": named, "path": path, "raw_path": quote(path).encode(), "root_path": ""}
        host = headers.get("host", "")

        async def outward(message: Message) -> None:
            """Redirections of Starlette name the host that it saw, and know no prefix."""
            if self.public and message["type"] == "http.response.start" and 300 <= message["status"] < 400:
                answer = MutableHeaders(scope=message)
                there = urlsplit(answer.get("location", ""))
                if there.path.startswith("/") and there.netloc in ("", host):
                    answer["location"] = self.public + there._replace(scheme="", netloc="").geturl()
            await send(message)

        await self.app(changed, receive, outward)
