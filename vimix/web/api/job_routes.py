"""A job over plain HTTP: how it stands, now or as a stream, and its end. Any process may answer, from the job store."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from vimix.errors import VimixError
from vimix.jobs.model import Snapshot
from vimix.jobs.service import JobService
from vimix.settings import Settings
from vimix.web.api.answers import answering, asked_of
from vimix.web.middleware.rate_limit import streams, visitor_of
from vimix.web.ui import presenter

QUIET = 15.0
"""Seconds after which a stream without news sends a comment, so that nothing between us takes it for dead."""


def routes(service: JobService, settings: Settings) -> list[BaseRoute]:
    """On one service."""

    async def status(request: Request) -> Response:
        snapshot = await asyncio.to_thread(service.snapshot, request.path_params["job"])
        return JSONResponse(shown(snapshot), headers={"cache-control": "no-store"})

    async def watch(request: Request) -> Response:
        job = request.path_params["job"]
        await asyncio.to_thread(service.job, job)  # a job that is not there is a refusal and no stream
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        visitor = visitor_of(request, settings)
        streams().take(visitor)
        return StreamingResponse(
            _counted(stream(service, job), visitor), media_type="text/event-stream", headers=headers
        )

    async def cancel(request: Request) -> Response:
        asked = await asked_of(request)
        snapshot = await asyncio.to_thread(service.cancel, str(asked.get("job", "")), str(asked.get("token", "")))
        return JSONResponse(shown(snapshot), headers={"cache-control": "no-store"})

    return [
        Route("/api/status/{job}", answering(status), methods=["GET"]),
        Route("/api/watch/{job}", answering(watch), methods=["GET"]),
        Route("/api/cancel", answering(cancel), methods=["POST"]),
    ]


def shown(snapshot: Snapshot) -> dict[str, Any]:
    """As `/status` of the Gradio API."""
    return {name: value for name, value in presenter.progress(snapshot).items() if name != "kind"} | {
        "card": snapshot.card
    }


async def _counted(lines: AsyncIterator[str], visitor: str) -> AsyncIterator[str]:
    """A stream whose place is given back when it ends."""
    try:
        async for line in lines:
            yield line
    finally:
        streams().give_back(visitor)


async def stream(service: JobService, job: str) -> AsyncIterator[str]:
    """Server-sent events, one for each change, until the job ends."""
    snapshots = aiter(service.watch(job))
    coming: asyncio.Future[Snapshot] | None = None
    try:
        while True:
            coming = coming or asyncio.ensure_future(anext(snapshots))
            done, _ = await asyncio.wait({coming}, timeout=QUIET)
            if not done:
                yield ": still here\n\n"
                continue
            snapshot, coming = coming.result(), None
            yield f"data: {json.dumps(shown(snapshot))}\n\n"
    except StopAsyncIteration:
        return
    except VimixError as error:
        yield f"event: error\ndata: {json.dumps({'error': error.public})}\n\n"
    finally:
        if coming is not None:
            coming.cancel()
