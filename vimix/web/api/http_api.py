"""Plain HTTP beside the page: results, links to jobs, conversions, direct uploads, and how we are.

A job's number is the leave to see its result; its token, to delete it. Every refusal is one sentence, as JSON or as a
small page, whichever the caller prefers.
"""

import asyncio
import hashlib
import hmac
import html
import json
import re
import secrets
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from vimix.errors import Gone, NotFound, Refused, UsageError, VimixError, megabytes
from vimix.jobs.model import Job, Ticket
from vimix.jobs.service import LINK_SECONDS, JobService
from vimix.options import Options, to_options
from vimix.settings import Settings
from vimix.stores import Stored, checked, disposition
from vimix.web.middleware.rate_limit import limiter, secret_of, visitor_of
from vimix.web.middleware.upload_limits import answer_for
from vimix.web.ops import health
from vimix.web.ui.presenter import download_name

_UPLOAD_SECONDS = 900.0
_MIME = re.compile(r"(video|image)/[a-z0-9.+-]{1,60}|application/octet-stream")
_EXPIRED = "This clip was deleted: results are kept for a day, or until their owner deletes them."
Handler = Callable[[Request], Awaitable[Response]]


def routes(service: JobService, settings: Settings) -> list[BaseRoute]:
    """All of them. The limits of the settings stand before the service from here on."""
    limits = limiter(settings)
    service.admit(lambda visitor, conversion: (limits.conversion if conversion else limits.job)(visitor))
    it = Http(service, settings)
    return [
        *health.routes(service, settings),
        Route("/r/{job}", answering(it.result), methods=["GET"]),
        Route("/r/{job}", answering(it.delete), methods=["DELETE"]),
        Route("/f/{key:path}", answering(it.file), methods=["GET"]),
        Route("/j/{job}", answering(it.page), methods=["GET"]),
        Route("/convert", answering(it.convert), methods=["POST"]),
        Route("/api/upload-url", answering(it.upload_url), methods=["POST"]),
        Route("/api/submit", answering(it.submit), methods=["POST"]),
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

    async def file(self, request: Request) -> Response:
        """A file of the local store by a link that `link` signed: it ends, and does not tell the job."""
        key, asked = checked(request.path_params["key"]), request.query_params
        until, name = asked.get("until", ""), asked.get("name", "")
        if not hmac.compare_digest(asked.get("signature", "").encode(), self._signature(key, until, name).encode()):
            raise NotFound("There is no such file.")
        if float(until) < time.time():
            raise Gone("This link is over. Ask for a new one where you found it.")
        path, stored = await asyncio.to_thread(
            lambda: (self.service.files.local_path(key), self.service.files.head(key))
        )
        if path is None or stored is None:
            raise Gone(_EXPIRED)
        return served(request, path, stored, name, inline=False)

    def link(self, job: Job) -> str:
        """A link to a result that ends within the hour and with the job: presigned, or our own `f/…`."""
        left = min(LINK_SECONDS, (job.expires or time.time() + LINK_SECONDS) - time.time())
        key, name = job.result_key or "", download_name(job)
        if (url := self.service.files.url(key, seconds=left, name=name)) is not None:
            return url
        until = str(int(time.time() + left))
        query = urlencode({"until": until, "name": name, "signature": self._signature(key, until, name)})
        return f"{self.settings.public_url.rstrip('/')}/f/{quote(key)}?{query}"

    def _signature(self, key: str, until: str, name: str) -> str:
        return hmac.new(secret_of(self.settings), json.dumps([key, until, name]).encode(), hashlib.sha256).hexdigest()

    async def page(self, request: Request) -> Response:
        """The page on that job."""
        return RedirectResponse(f"../?job={quote(request.path_params['job'][:64], safe='')}", 302)

    async def delete(self, request: Request) -> Response:
        """Delete input, matte and result at once. The token comes as `?token=` or as a bearer."""
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        token = request.query_params.get("token") or bearer
        await asyncio.to_thread(self.service.delete, request.path_params["job"], token)
        return JSONResponse({"deleted": True})

    async def convert(self, request: Request) -> Response:
        """`{"job", "options"}`: the finished clip as another file; nothing that is not named changes."""
        asked = await _json(request)
        job, changes = str(asked.get("job", "")), _options(asked)
        ticket = await asyncio.to_thread(self.service.convert, job, changes, visitor=self._who(request))
        return _ticket(ticket)

    async def upload_url(self, request: Request) -> Response:
        """`{"bytes", "mime"}`: leave to PUT that file straight into the bucket; `url` is null where there is none."""
        asked = await _json(request)
        size, mime = asked.get("bytes"), asked.get("mime") or "application/octet-stream"
        if not isinstance(size, int) or size < 1 or not isinstance(mime, str) or not _MIME.fullmatch(mime):
            raise UsageError("Say how large the file is, and that it is a video or an image: bytes and mime.")
        self._check_size(size)
        await asyncio.to_thread(limiter(self.settings).upload, self._who(request))
        leave = await asyncio.to_thread(
            self.service.files.upload_url, f"up/{secrets.token_hex(16)}", bytes=size, mime=mime, seconds=_UPLOAD_SECONDS
        )
        if leave is None:
            return JSONResponse({"url": None, "upload": "gradio_api/upload"})
        sent = {"url": leave.url, "method": "PUT", "headers": leave.headers, "key": leave.key, "expires": leave.expires}
        return JSONResponse(sent, headers={"cache-control": "no-store"})

    async def submit(self, request: Request) -> Response:
        """`{"key", "name", "options"}`: begin on a file that was sent with an upload link."""
        asked = await _json(request)
        key, name, options = str(asked.get("key", "")), str(asked.get("name") or "clip")[:200], _options(asked)
        if not re.fullmatch(r"up/[0-9a-f]{32}", key):
            raise NotFound("There is no such upload.")
        ticket = await asyncio.to_thread(self._submit, key, name, to_options(options), self._who(request))
        return _ticket(ticket)

    def _submit(self, key: str, name: str, options: Options, visitor: str) -> Ticket:
        stored = self.service.files.head(key)
        if stored is None:
            raise NotFound("There is no such upload.")
        self._check_size(stored.bytes)
        with tempfile.TemporaryDirectory(dir=self.settings.data_dir) as folder:
            file = Path(folder) / "upload"
            self.service.files.fetch(key, file)
            ticket = self.service.submit(file, name, options, visitor=visitor)
        self.service.files.delete(key)
        return ticket

    def _check_size(self, size: int) -> None:
        if size > (limit := self.settings.max_upload_mb << 20):
            too_large = Refused(f"A file may have {megabytes(limit)} here, and this one has {megabytes(size)}.")
            too_large.status = 413
            raise too_large

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


def answering(handler: Handler) -> Handler:
    """The handler, with its errors told in the caller's way."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except VimixError as error:
            told = answer_for(error)
            if "text/html" not in request.headers.get("accept", ""):
                return told
            page = _PAGE.format(sentence=html.escape(error.public))
            kept = {name: told.headers[name] for name in ("cache-control", "retry-after") if name in told.headers}
            return HTMLResponse(page, error.status, headers=kept)

    return answer


_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Vimix</title><style>:root{{color-scheme:light dark}}body{{font:18px/1.5 system-ui,sans-serif;max-width:32em;
margin:20vh auto;padding:0 24px}}</style><p>{sentence}</p><p><a href="../">Cut out another clip</a></p></html>"""


async def _json(request: Request) -> dict[str, Any]:
    try:
        asked = await request.json()
    except (ValueError, RecursionError) as error:
        raise UsageError("The request must be JSON.") from error
    if not isinstance(asked, dict):
        raise UsageError("The request must be a JSON object.")
    return asked


def _options(asked: dict[str, Any]) -> dict[str, Any]:
    options = asked.get("options") or {}
    if not isinstance(options, dict):
        raise UsageError("options must be a JSON object.")
    return options


def _ticket(ticket: Ticket) -> Response:
    told = {"job": ticket.job, "token": ticket.token, "cached": ticket.cached}
    return JSONResponse(told, headers={"cache-control": "no-store"})
