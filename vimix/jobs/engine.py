"""Notifications that there may be a job to run, now or later: docket delivers each to one free worker.

In memory within one process, through Redis among many. A notification carries no job, because the job store knows which
one is next: turns among visitors, one run at a time of equal work and the limit per visitor are not what a queue that
delivers first in, first out can know. So one that comes twice costs nothing, and one that is lost is made good by the
minute's tidying (`WorkerPool`). docs/decisions.md says which of docket's other parts were tried.
"""

import logging
import secrets
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Self

from docket import Docket, Worker

Handler = Callable[[], Awaitable[None]]
"""Runs jobs until there is none that may run."""


class DocketQueue:
    """Open between `async with`. Without a `redis_url` its notifications stay in this process."""

    def __init__(self, redis_url: str = "", *, name: str = "vimix") -> None:
        self._docket = Docket(
            name=f"{name}-bell",
            url=redis_url or f"memory://{secrets.token_hex(8)}",
            execution_ttl=timedelta(0),  # a notification leaves nothing behind
        )
        self._stack = AsyncExitStack()
        self._handler: Handler | None = None

    async def __aenter__(self) -> Self:
        logging.getLogger("docket.worker").setLevel(logging.ERROR)  # it logs every notification
        await self._stack.enter_async_context(self._docket)
        self._docket.register(self._handle, names=["look"])
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def notify(self, *, after: float = 0.0) -> None:
        """Have some handler called, in that many seconds."""
        await self._docket.add("look", when=datetime.now(UTC) + timedelta(seconds=after))()

    async def serve(self, handler: Handler, *, slots: int) -> None:
        """Call the handler for each notification, at most `slots` at once, until cancelled; then take no more and
        return when those under way have returned."""
        self._handler = handler
        async with Worker(
            self._docket,
            name=secrets.token_hex(8),
            concurrency=slots,
            schedule_automatic_tasks=False,
            redelivery_timeout=timedelta(seconds=30),
            reconnection_delay=timedelta(seconds=1),
        ) as worker:
            await worker.run_forever()

    async def _handle(self) -> None:
        assert self._handler is not None
        try:
            await self._handler()
        except Exception:
            logging.getLogger(__name__).exception("A handler of a notification broke")
