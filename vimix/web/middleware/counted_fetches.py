"""Addresses in calls of Gradio's API and of MCP: counted as uploads of whoever names them, and fetched, before Gradio
has the call.

A fetch may take a minute, and whoever runs the server at the other end decides how long. So it holds its own request
and one of the places for fetches, and none of Gradio's queue, whose calls then name files that are here already.
"""

import asyncio
import json
from collections.abc import Awaitable, Iterator
from typing import Any, NamedTuple
from urllib.parse import quote

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vimix.errors import Busy
from vimix.settings import Settings
from vimix.web.middleware.rate_limit import VISITOR_HEADER, limiter, signed_visitor, visitor_of
from vimix.web.middleware.request_body import CALLS, FILES_AT_ONCE, TOOLS, answer_for, refusal
from vimix.web.middleware.url_fetch import Outcome, fetches, is_named_here, refused_address, uploaded_at

FILE_ARGUMENTS = ("clip", "background_file")
"""Of MCP's tools: there a file is a plain address, as other options are too."""


class Named(NamedTuple):
    """A place in a call that names a file."""

    within: dict[str, Any]
    key: str

    @property
    def address(self) -> str:
        """What is named there."""
        return str(self.within[self.key])


class CountedFetches:
    """Middleware behind the limits of a body's size and time, which it reads to its end."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app, self.settings = app, settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        tools = scope["type"] == "http" and TOOLS.search(scope["path"]) is not None
        if scope["type"] != "http" or scope["method"] != "POST" or not (tools or CALLS.search(scope["path"])):
            await self.app(scope, receive, send)
            return
        visitor = visitor_of(Request(scope), self.settings)
        body = await Request(scope, receive).body()
        call = await asyncio.to_thread(_parsed, body)
        if tools and not _is_rpc(call):
            await refusal(400, "call", "This is no JSON-RPC request: docs/api.md says how tools are called.")(
                scope, receive, send
            )
            return
        named = list(_in_tools(call) if tools else _in_files(call))
        try:
            found = await self._fetched(named, visitor, receive)
        except Busy as busy:
            await answer_for(busy)(scope, receive, send)
            return
        if found is None:
            sentence = f"These are too many files; at most {FILES_AT_ONCE} are accepted at once."
            await refusal(413, "files", sentence)(scope, receive, send)
            return
        for place, file in zip(named, found, strict=True):
            place.within[place.key] = _as_address(file) if tools else _as_path(file)
        if named:
            body = json.dumps(call).encode()
        changed = {b"content-length": str(len(body)).encode()}
        if tools:  # Gradio runs them by calling this server again, from this machine's address
            changed[VISITOR_HEADER] = signed_visitor(visitor, self.settings)
        headers = [pair for pair in scope["headers"] if pair[0] not in changed] + list(changed.items())
        await self.app({**scope, "headers": headers}, _again(body, receive), send)

    async def _fetched(self, named: list[Named], visitor: str, receive: Receive) -> list[Outcome] | None:
        """What is at each address, in their order; None where they are too many. Raises `Busy`."""
        here = [uploaded_at(place.address) for place in named]
        wanted = [place.address for place, file in zip(named, here, strict=True) if file is None]
        if len(wanted) > FILES_AT_ONCE:
            return None
        for _ in wanted:
            await asyncio.to_thread(limiter(self.settings).upload, visitor)
        work = fetches(self.settings).all
        fetched = iter(await _unless_gone(work(wanted, visitor), receive) if wanted else [])
        return [file or next(fetched) for file in here]


async def _unless_gone(work: Awaitable[list[Outcome]], receive: Receive) -> list[Outcome]:
    """What comes of `work`, which ends when the client goes away."""
    task, gone = asyncio.ensure_future(work), asyncio.ensure_future(receive())
    try:
        await asyncio.wait((task, gone), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise Busy("The request was interrupted.", retry_after=1)
        return task.result()
    finally:
        task.cancel()
        gone.cancel()
        await asyncio.gather(task, gone, return_exceptions=True)


def _as_path(file: Outcome) -> str:
    return refused_address(file) if isinstance(file, str) else str(file)


def _as_address(file: Outcome) -> str:
    """MCP's files are addresses: that of a file sent before, which the server's call of itself then finds here."""
    return refused_address(file) if isinstance(file, str) else f"http://localhost/gradio_api/file={quote(str(file))}"


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


def _parsed(body: bytes) -> Any:
    """The call; what is no JSON, or is too deep to be written again, names nothing."""
    try:
        call = json.loads(body)
        json.dumps(call)
    except (ValueError, RecursionError):
        return None
    return call


def _in_files(call: Any) -> Iterator[Named]:
    """Files of a call of Gradio's: objects with a `path`."""
    waiting: list[Any] = [call]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if _is_address(value.get("path")):
                yield Named(value, "path")
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)


def _is_rpc(call: Any) -> bool:
    """Whether it has the form of a message of JSON-RPC 2.0: of another the library of MCP tells its own text."""
    if not isinstance(call, dict) or call.get("jsonrpc") != "2.0":
        return False
    asks = isinstance(call.get("method"), str) and isinstance(call.get("params", {}), dict | None)
    return (asks or "result" in call or "error" in call) and isinstance(call.get("id", 0), str | int)


def _in_tools(call: dict[str, Any]) -> Iterator[Named]:
    """Files of a call of one of MCP's tools."""
    arguments = (call.get("params") or {}).get("arguments")
    if isinstance(arguments, dict):
        yield from (Named(arguments, key) for key in FILE_ARGUMENTS if _is_address(arguments.get(key)))


def _is_address(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(("http://", "https://")) and not is_named_here(value)
