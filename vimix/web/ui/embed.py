"""What reaches the browser before Gradio does: the address for iframes, and a few lines put into the first page.

Gradio's page takes its language from the browser and its theme from the system once its scripts run; a choice made
here before must be known earlier, or the page flickers. So the first page is given a short script ahead of Gradio's.
"""

from pathlib import Path
from urllib.parse import urlencode

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

EARLY = (Path(__file__).parent / "static" / "early.js").read_text()
ABOUT = "Removes the background of any clip and keeps it with real transparency."


def embed_page(request: Request) -> RedirectResponse:
    """`/embed?format=webm&…` is the page laid out for an iframe, with those options set and locked."""
    query = [(key, value) for key, value in request.query_params.multi_items() if key != "view"]
    return RedirectResponse("./?" + urlencode([("view", "embed"), *query]), status_code=307)


embed_route = Route("/embed", embed_page, methods=["GET"])


class FirstPage:
    """Middleware: `early.js`, our style sheet and a description go first in the page; all else is left alone."""

    def __init__(self, app: ASGIApp, version: str) -> None:
        self.app = app
        style = f'<link rel="stylesheet" href="page/page.css?v={version}">'
        about = f'<meta name="description" content="{ABOUT}">'
        self.head = f"<head><script>{EARLY}</script>{style}{about}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hold the page back until it is whole, then change it."""
        if scope["type"] != "http" or scope["path"] != "/" or scope["method"] != "GET":
            await self.app(scope, receive, send)
            return
        headers = [pair for pair in scope["headers"] if pair[0] != b"accept-encoding"]  # what we change must be plain
        start: Message = {}
        body = bytearray()

        async def hold(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
                return
            body.extend(message.get("body", b""))
            if message.get("more_body"):
                return
            text = bytes(body).replace(b"<head>", self.head, 1)
            changed = MutableHeaders(raw=start["headers"])
            if "content-length" in changed:
                changed["content-length"] = str(len(text))
            await send({**start, "headers": changed.raw})
            await send({"type": "http.response.body", "body": text})

        await self.app({**scope, "headers": headers}, receive, hold)
