"""What a browser is told about us: who may call, who may frame, and what the page may load.

Gradio answers every origin with its own name and leave to send cookies. Its middleware stands outside of ours, so it
is taken out when the app starts, and ours holds to the origins of the settings.
"""

from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vimix.settings import Settings

_GRADIOS = "CustomCORSMiddleware"
_SENSORS = ("accelerometer", "geolocation", "gyroscope", "magnetometer", "microphone", "payment", "usb")


def page_policy(settings: Settings) -> str:
    """The content security policy. Gradio compiles its templates in the browser, hence `unsafe-eval`; a page that is
    opened in another's frame still loads from us alone, and from the bucket where there is one."""
    store = ""
    if settings.s3_bucket:
        there = urlsplit(settings.s3_endpoint or f"https://s3.{settings.s3_region}.amazonaws.com")
        store = f" {there.scheme}://{there.netloc}"
    rules = {
        "default-src": "'self'",
        "script-src": "'self' 'unsafe-inline' 'unsafe-eval' blob:",
        "style-src": "'self' 'unsafe-inline'",
        "img-src": f"'self' data: blob:{store}",
        "media-src": f"'self' data: blob:{store}",
        "font-src": "'self' data:",
        "connect-src": f"'self' data: blob:{store}",
        "worker-src": "'self' blob:",
        "frame-src": "'self'",
        "object-src": "'none'",
        "base-uri": "'self'",
        "form-action": "'self'",
        "frame-ancestors": settings.frame_ancestors,
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


class BrowserRules:
    """Middleware: security headers on every answer, CORS for the origins that the settings name and for no other."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self._all = "*" in settings.origins
        self._origins = frozenset(settings.origins)
        self._hosts = frozenset(filter(None, [urlsplit(settings.public_url).netloc]))
        self._forwarded = settings.trusted_proxies > 0
        self._headers = {
            "content-security-policy": page_policy(settings),
            "x-content-type-options": "nosniff",
            "referrer-policy": "same-origin",
            "permissions-policy": ", ".join(["camera=(self)", *(f"{sensor}=()" for sensor in _SENSORS)]),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        if scope["type"] == "lifespan":
            _take_out_gradios(scope.get("app"))
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        asked = Headers(scope=scope)
        origin = asked.get("origin", "")
        allowed = self._all or origin in self._origins

        async def dress(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name in [name for name in headers if name.startswith("access-control-")]:
                    del headers[name]
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
                if origin and allowed:
                    headers["access-control-allow-origin"] = "*" if self._all else origin
                    headers["access-control-expose-headers"] = "content-disposition, content-range, etag, retry-after"
                if not self._all:
                    headers.add_vary_header("origin")
            await send(message)

        if origin and scope["method"] == "OPTIONS" and "access-control-request-method" in asked:
            await self._preflight(asked, allowed)(scope, receive, send)
            return
        if scope["method"] not in ("GET", "HEAD", "OPTIONS") and not allowed and self._is_foreign(asked):
            refused = JSONResponse({"error": "Pages of other sites may not do this."}, 403)
            await refused(scope, receive, dress)
            return
        await self.app(scope, receive, dress)

    def _is_foreign(self, asked: Headers) -> bool:
        """Whether a browser says that another site's page asks; programs say nothing of it."""
        if origin := asked.get("origin"):
            ours = {asked.get("host", ""), *self._hosts}
            if self._forwarded:
                ours.add(asked.get("x-forwarded-host", "").split(",")[-1].strip())
            return urlsplit(origin).netloc not in ours - {""}
        return asked.get("sec-fetch-site") == "cross-site"

    def _preflight(self, asked: Headers, allowed: bool) -> Response:
        if not allowed:
            return Response(status_code=403, headers={"vary": "origin"})
        headers = {
            "access-control-allow-origin": "*" if self._all else asked["origin"],
            "access-control-allow-methods": "GET, HEAD, POST, DELETE, OPTIONS",
            "access-control-allow-headers": asked.get("access-control-request-headers", ""),
            "access-control-max-age": "600",
            "vary": "origin",
        }
        return Response(status_code=204, headers=headers)


def _take_out_gradios(app: object) -> None:
    """Only possible once the app is whole; the running stack goes on, requests meet the new one."""
    if isinstance(app, Starlette):
        kept = [layer for layer in app.user_middleware if getattr(layer.cls, "__name__", "") != _GRADIOS]
        if len(kept) < len(app.user_middleware):
            app.user_middleware = kept
            app.middleware_stack = app.build_middleware_stack()
