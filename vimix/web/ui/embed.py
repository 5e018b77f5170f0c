"""What reaches the browser before Gradio does: the address for iframes, and a few lines put into the first page.

Gradio's page takes its language from the browser and its theme from the system once its scripts run; a choice made
here before must be known earlier, or the page flickers. So the first page is given a short script ahead of Gradio's,
and what other sites show of a link to us. It holds the whole layout, so it is sent compressed.
"""

import asyncio
import gzip
from pathlib import Path
from urllib.parse import urlencode

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vimix.jobs.service import JobService
from vimix.settings import Settings
from vimix.web.middleware.public_address import root_of
from vimix.web.ui.sharing import tags, without_placeholders

EARLY = (Path(__file__).parent / "static" / "early.js").read_text()
HEAD = (
    '<meta name="theme-color" content="#fbfbfa" media="(prefers-color-scheme: light)">'
    '<meta name="theme-color" content="#0f1115" media="(prefers-color-scheme: dark)">'
    '<link rel="icon" type="image/png" sizes="192x192" href="page/icon-192.png?v={version}">'
    '<link rel="apple-touch-icon" href="page/icon-180.png?v={version}">'
    '<link rel="stylesheet" href="page/page.css?v={version}"><script>{early}</script>'
)


def embed_page(request: Request) -> RedirectResponse:
    """`/embed?format=webm&…` is the page laid out for an iframe, with those options set and locked."""
    query = [(key, value) for key, value in request.query_params.multi_items() if key != "view"]
    return RedirectResponse("./?" + urlencode([("view", "embed"), *query]), status_code=307)


embed_route = Route("/embed", embed_page, methods=["GET"])


class FirstPage:
    """Middleware: `early.js`, our style sheet, icons and what other sites show go first in the page; all else is left
    alone."""

    def __init__(self, app: ASGIApp, version: str, service: JobService, settings: Settings) -> None:
        self.app, self.service, self.settings = app, service, settings
        self.head = HEAD.format(early=EARLY, version=version)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hold the page back until it is whole, then change it."""
        if scope["type"] != "http" or scope["path"] != "/" or scope["method"] != "GET":
            await self.app(scope, receive, send)
            return
        headers = [pair for pair in scope["headers"] if pair[0] != b"accept-encoding"]  # what we change must be plain
        request = Request(scope)
        small = "gzip" in request.headers.get("accept-encoding", "")
        job, root = request.query_params.get("job", "")[:64], root_of(request, self.settings)
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
            shown = await asyncio.to_thread(tags, self.service, root, job)
            text = without_placeholders(bytes(body)).replace(b"<head>", f"<head>{shown}{self.head}".encode(), 1)
            changed = MutableHeaders(raw=start["headers"])
            changed.add_vary_header("accept-encoding")
            if small:
                text = await asyncio.to_thread(gzip.compress, text, 6)
                changed["content-encoding"] = "gzip"
            if "content-length" in changed:
                changed["content-length"] = str(len(text))
            await send({**start, "headers": changed.raw})
            await send({"type": "http.response.body", "body": text})

        await self.app({**scope, "headers": headers}, receive, hold)
