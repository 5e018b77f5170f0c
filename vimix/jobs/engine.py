"""The bell: `ring` says that there may be work, now or later, and some free slot of some process looks.

By docket: in memory on one machine, through Redis on many. A ring carries nothing, because the job store knows which
job is next; so a ring that is lost costs a minute (see reconcile.py), and one that comes twice costs nothing.
"""

import logging
import secrets
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Self

from docket import Docket, Worker

Look = Callable[[], Awaitable[None]]
"""Looks for work and does it until there is none."""


class DocketQueue:
    """Open between `async with`. Without a `redis_url` its rings are heard in this process only."""

    def __init__(self, redis_url: str = "", *, name: str = "vimix") -> None:
        self._docket = Docket(
            name=f"{name}-bell",
            url=redis_url or f"memory://{secrets.token_hex(8)}",
            execution_ttl=timedelta(0),  # a ring leaves nothing behind
        )
        self._stack = AsyncExitStack()
        self._look: Look | None = None

    async def __aenter__(self) -> Self:
        logging.getLogger("docket.worker").setLevel(logging.ERROR)  # it tells of every ring
        await self._stack.enter_async_context(self._docket)
        self._docket.register(self._rung, names=["look"])
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def ring(self, *, after: float = 0.0) -> None:
        """Call some `look`, in that many seconds."""
        await self._docket.add("look", when=datetime.now(UTC) + timedelta(seconds=after))()

    async def serve(self, look: Look, *, slots: int) -> None:
        """Answer rings, with at most that many looks at once, until cancelled; then wait for the looks."""
        self._look = look
        async with Worker(
            self._docket,
            name=secrets.token_hex(8),
            concurrency=slots,
            schedule_automatic_tasks=False,
            redelivery_timeout=timedelta(seconds=30),
            reconnection_delay=timedelta(seconds=1),
        ) as worker:
            await worker.run_forever()

    async def _rung(self) -> None:
        assert self._look is not None
        try:
            await self._look()
        except Exception:
            logging.getLogger(__name__).exception("A look for work broke")
