"""What may be asked of the server, as a list. Gradio brings routes that relay, reload or record: they are not on it."""

import re

from starlette._utils import get_route_path
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from vimix.web.ops.metrics import REFUSED

OWN = (
    "page/", "examples/", "embed", "zip", "healthz", "readyz", "metrics", "r/", "f/", "j/", "convert", "api/upload-url",
    "api/submit", "api/status/", "api/watch/", "api/cancel", "api/up/", "login/huggingface", "login/callback", "logout",
)  # fmt: skip
"""Ours; a name that ends in a slash stands for what is below it."""
PAGE = (
    "config", "svelte/", "static/", "assets/", "favicon.ico", "theme.css", "robots.txt", "manifest.json",
)  # fmt: skip
"""What Gradio's page loads."""
API = (
    "info", "openapi.json", "startup-events", "app_id", "theme.css", "upload", "upload_progress", "heartbeat/",
    "queue/join", "queue/data", "cancel", "reset", "component_server", "call/", "run/", "api/", "file=", "mcp", "mcp/",
)  # fmt: skip
"""What Gradio's scripts and clients call, below `gradio_api/`."""


def _pattern() -> re.Pattern[str]:
    names = [*OWN, *PAGE, *(f"gradio_api/{name}" for name in API)]
    ends = [re.escape(name) + ("" if name.endswith(("/", "=")) else "/?$") for name in names]
    return re.compile("/?$|/(" + "|".join(ends) + ")")


_ALLOWED = _pattern()


def is_allowed(path: str) -> bool:
    """Whether a path, without the root path, is on the list."""
    return _ALLOWED.match(path) is not None


class AllowedRoutes:
    """Middleware: 404 for what is not on the list."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        if scope["type"] == "http" and not is_allowed(get_route_path(scope)):
            REFUSED.labels("route").inc()
            await JSONResponse({"error": "There is no such page."}, 404)(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await self.app(scope, receive, send)
