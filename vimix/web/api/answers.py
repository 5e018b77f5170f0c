"""What the handlers of plain HTTP share: JSON in, JSON or a small page out, each refusal one sentence."""

import html
import json
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from vimix.errors import UsageError, VimixError
from vimix.jobs.model import Ticket
from vimix.web.middleware.upload_limits import answer_for

Handler = Callable[[Request], Awaitable[Response]]


def answering(handler: Handler) -> Handler:
    """The handler, with its errors told in the caller's way."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except VimixError as error:
            body = answer_for(error)
            if "text/html" not in request.headers.get("accept", ""):
                return body
            page = _PAGE.format(sentence=html.escape(error.public))
            passed_on = {name: body.headers[name] for name in ("cache-control", "retry-after") if name in body.headers}
            return HTMLResponse(page, error.status, headers=passed_on)

    return answer


_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Vimix</title><style>:root{{color-scheme:light dark}}body{{font:18px/1.5 system-ui,sans-serif;max-width:32em;
margin:20vh auto;padding:0 24px}}</style><p>{sentence}</p><p><a href="../">Cut out another clip</a></p></html>"""


async def asked_of(request: Request) -> dict[str, Any]:
    """The JSON object of the request. Raises `UsageError`."""
    try:
        asked = await request.json()
        json.dumps(asked, ensure_ascii=False).encode()  # half of a surrogate pair is no text, though JSON can say it
    except (ValueError, RecursionError) as error:
        raise UsageError("The request must be JSON.") from error
    if not isinstance(asked, dict):
        raise UsageError("The request must be a JSON object.")
    return asked


def options_in(asked: dict[str, Any]) -> dict[str, Any]:
    """What it names under `options`. Raises `UsageError`."""
    options = asked.get("options") or {}
    if not isinstance(options, dict):
        raise UsageError("options must be a JSON object.")
    return options


def ticket_answer(ticket: Ticket) -> Response:
    """Where the work can be followed, and the token that may end it."""
    body = {"job": ticket.job, "token": ticket.token, "cached": ticket.cached}
    return JSONResponse(body, headers={"cache-control": "no-store"})
