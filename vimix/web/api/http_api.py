"""Plain HTTP beside the page: results, links to jobs, conversions, direct uploads, and how we are.

A job's number is the leave to see its result; its token, to delete it. Every refusal is one sentence, as JSON or as a
small page, whichever the caller prefers.
"""

import asyncio
import time
from pathlib import Path
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from vimix.errors import Gone
from vimix.jobs.service import LINK_SECONDS, JobService
from vimix.settings import Settings
from vimix.stores import Stored, disposition
from vimix.web.api import job_routes, uploads
from vimix.web.api.answers import answering, asked_of, options_in, ticket_answer
from vimix.web.middleware.rate_limit import limiter, visitor_of
from vimix.web.ops import health
from vimix.web.ops.cleanup import delete_everywhere
from vimix.web.ui.presenter import download_name

_EXPIRED = "This clip was deleted: results are kept for a day, or until their owner deletes them."


def routes(service: JobService, settings: Settings) -> list[BaseRoute]:
    """All of them. The limits of the settings stand before the service from here on."""
    limits = limiter(settings)
    service.admit(lambda visitor, conversion: (limits.conversion if conversion else limits.job)(visitor))
    it = Http(service, settings)
    return [
        *health.routes(service, settings),
        Route("/r/{job}", answering(it.result), methods=["GET"]),
        Route("/r/{job}", answering(it.delete), methods=["DELETE"]),
        Route("/j/{job}", answering(it.page), methods=["GET"]),
        Route("/convert", answering(it.convert), methods=["POST"]),
        *uploads.routes(service, settings),
        *job_routes.routes(service, settings),
    ]


class Http:
    """The handlers, on one service."""

    def __init__(self, service: JobService, settings: Settings) -> None:
        self.service, self.settings = service, settings

    async def result(self, request: Request) -> Response:
        """The result: a presigned link to follow, or the file. `?show` opens it in the browser instead of saving."""
        job, path, _ = await asyncio.to_thread(self.service.result, request.path_params["job"])
        left = (job.expires or time.time() + LINK_SECONDS) - time.time()
        if left <= 0:
            raise Gone(_EXPIRED)
        key, name, inline = job.result_key or "", download_name(job), "show" in request.query_params
        if path is not None or request.method == "HEAD":  # a link is signed for GET alone
            stored = await asyncio.to_thread(self.service.files.head, key)
            if stored is None:
                raise Gone(_EXPIRED)
            if path is not None:
                return served(request, path, stored, name, inline=inline)
            return Response(headers={"content-length": str(stored.bytes), **_facts(stored, name, inline)})
        url = self.service.files.url(key, seconds=min(LINK_SECONDS, left), name=name, inline=inline)
        if url is None:
            raise Gone(_EXPIRED)
        return RedirectResponse(url, 302, headers={"cache-control": "no-store"})

    async def page(self, request: Request) -> Response:
        """The page on that job."""
        return RedirectResponse(f"../?job={quote(request.path_params['job'][:64], safe='')}", 302)

    async def delete(self, request: Request) -> Response:
        """Delete input, matte and result at once. The token comes as `?token=` or as a bearer."""
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        token = request.query_params.get("token") or bearer
        await asyncio.to_thread(delete_everywhere, self.service, request.path_params["job"], token)
        return JSONResponse({"deleted": True})

    async def convert(self, request: Request) -> Response:
        """`{"job", "options", "notify"}`: the finished clip as another file; nothing that is not named changes."""
        asked = await asked_of(request)
        job, changes = str(asked.get("job", "")), options_in(asked)
        notify = str(asked.get("notify") or "")
        ticket = await asyncio.to_thread(self.service.convert, job, changes, visitor=self._who(request), notify=notify)
        return ticket_answer(ticket)

    def _who(self, request: Request) -> str:
        return visitor_of(request, self.settings)


def served(request: Request, path: Path, stored: Stored, name: str, *, inline: bool) -> Response:
    """A file with everything a player asks for: one range at a time, a name for its content, 304 where it is known."""
    headers = _facts(stored, name, inline)
    known = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
    if headers["etag"] in known or known == ["*"]:
        return Response(status_code=304, headers=headers)
    if "," in request.headers.get("range", ""):  # many ranges are many seeks for one request: the whole is allowed
        request.scope["headers"] = [pair for pair in request.scope["headers"] if pair[0] != b"range"]
    return FileResponse(path, headers=headers)


def _facts(stored: Stored, name: str, inline: bool) -> dict[str, str]:
    return {
        "etag": f'"{stored.sha256}"',
        "content-type": stored.mime,
        "content-disposition": disposition(name, inline=inline),
        "cache-control": "private, no-cache",  # kept, but asked for each time: what is deleted is gone
        "accept-ranges": "bytes",
    }
