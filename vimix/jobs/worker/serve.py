"""`python -m vimix worker`: a pool by itself, until it is told to stop or its time is over."""

import asyncio
import logging
import math
import signal
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, suppress
from typing import Any

from vimix.errors import StoreError
from vimix.jobs.backends import open_files, open_jobs
from vimix.jobs.model import JobStore
from vimix.jobs.service import JobService
from vimix.jobs.worker.child_process import REAL_WORK, hide_environment
from vimix.jobs.worker.pool import LEAVE_WITHIN, WorkerPool
from vimix.jobs.worker.recovery import STALE
from vimix.settings import Settings

log = logging.getLogger(__name__)

Beside = Callable[[JobService], AbstractContextManager[object]]
EMPTY_FOR = 10.0
"""Seconds without work after which a worker that is paid by the second ends."""


def serve(
    settings: Settings, *, until_empty: bool = False, max_age: float = math.inf, work: str = "",
    stale: float = STALE, within: float = LEAVE_WITHIN, beside: Beside | None = None, **more: Any,
) -> int:  # fmt: skip
    """`python -m vimix worker`: do jobs until SIGTERM or SIGINT, then finish or hand back. The exit code.

    `until_empty`: end as well when nothing has waited or run for a while, where machines are paid by the second.
    `max_age`: seconds after which it has ended, however much waits, where machines are ended from outside. No job is
    taken in the second half of it; what still runs at the end is handed back. `beside`: what runs as long as the pool.
    `more`: of `WorkerPool`.
    """
    hide_environment()

    async def until_stopped() -> None:
        stopping = asyncio.Event()
        with suppress(ValueError, RuntimeError):  # not the main thread: whoever started it stops it
            for number in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(number, stopping.set)
        store, files = open_jobs(settings), open_files(settings)
        pool = WorkerPool(
            settings, store, files, slots=max(1, settings.workers), work=work or REAL_WORK, stale=stale,
            max_age=max_age, **more,
        )  # fmt: skip
        around = ExitStack()
        if beside is not None:
            around.enter_context(beside(JobService(settings, store, files, pool)))
        await pool.start()
        log.info("working, %d jobs at once", len(pool.slots))
        born = last = time.monotonic()
        while not stopping.is_set() and not (until_empty and time.monotonic() - last > EMPTY_FOR):
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), min(1.0, max_age / 10))
            age = time.monotonic() - born
            if age > max_age / 2:
                pool.take_no_more()
                if pool.idle == len(pool.slots) or age > max_age - min(within, max_age / 4):
                    break
            if until_empty and (pool.idle < len(pool.slots) or await asyncio.to_thread(_waiting, store)):
                last = time.monotonic()
        await pool.stop(within=min(within, max_age / 4))
        around.close()
        store.close()

    asyncio.run(until_stopped())
    return 0


def _waiting(store: JobStore) -> bool:
    try:
        return store.counts(now=time.time()).queued > 0
    except StoreError:
        return False
