"""Addresses in calls of Gradio's API count as uploads of whoever names them, before anything is fetched."""

import asyncio
import json
from typing import Any

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vimix.errors import Busy
from vimix.settings import Settings
from vimix.web.middleware.rate_limit import limiter, visitor_of
from vimix.web.middleware.request_body import CALLS, FILES_AT_ONCE, answer_for, refusal


class CountedFetches:
    """Middleware behind the limits of a body's size and time, which it reads to its end."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app, self.settings = app, settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        if scope["type"] != "http" or scope["method"] != "POST" or not CALLS.search(scope["path"]):
            await self.app(scope, receive, send)
            return
        body = await Request(scope, receive).body()
        count = await asyncio.to_thread(_addresses, body)
        if count > FILES_AT_ONCE:
            sentence = f"These are too many files; at most {FILES_AT_ONCE} are accepted at once."
            await refusal(413, "files", sentence)(scope, receive, send)
            return
        try:
            for _ in range(count):
                await asyncio.to_thread(limiter(self.settings).upload, visitor_of(Request(scope), self.settings))
        except Busy as busy:
            await answer_for(busy)(scope, receive, send)
            return
        await self.app(scope, _again(body, receive), send)


def _again(body: bytes, receive: Receive) -> Receive:
    """The body once more, and then what follows it: that the client went away."""
    given = False

    async def once() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return once


def _addresses(body: bytes) -> int:
    """How many files of a call are given by an address on the web; what is no JSON has none."""
    try:
        waiting: list[Any] = [json.loads(body)]
    except (ValueError, RecursionError):
        return 0
    count = 0
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            named = [value.get("path"), value.get("url")]
            count += any(isinstance(name, str) and name.startswith(("http://", "https://")) for name in named)
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
    return count
