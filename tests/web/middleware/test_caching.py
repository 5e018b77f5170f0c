"""What a browser may keep: a year where the address changes with the content, and nothing that can be deleted."""

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from vimix.web.middleware.caching import FOREVER, HOUR, Caching


async def answer(request: Request) -> Response:
    return PlainTextResponse("here", 404 if "none" in request.url.path else 200)


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("/assets/index-abc.js", FOREVER),
        ("/page/app.js?v=1", FOREVER),
        ("/page/app.js?v=0", HOUR),
        ("/theme.css?v=9", FOREVER),
        ("/examples/cat.mp4", HOUR),
        ("/assets/none.js", None),
        ("/r/0", None),
        ("/", None),
    ],
)
def test_what_is_kept(path: str, rule: str | None) -> None:
    app = Caching(Starlette(routes=[Route("/{path:path}", answer)]), version="1")
    with TestClient(app) as client:
        assert client.get(path).headers.get("cache-control") == rule
