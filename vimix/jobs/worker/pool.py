"""What runs the jobs: some slots, the queue, and the minute's tidying. One pool a process, in the web process too."""

import asyncio
import logging
import math
import time
from collections.abc import Callable, Collection, Coroutine
from contextlib import suppress
from dataclasses import replace
from typing import Any

from vimix.concurrency.threads import cores
from vimix.errors import StoreError
from vimix.jobs.engine import DocketQueue
from vimix.jobs.lease import Lease
from vimix.jobs.model import Job, JobStore
from vimix.jobs.webhook import Notifier
from vimix.jobs.worker import zerogpu
from vimix.jobs.worker.child_process import REAL_WORK, Bounds, ChildProcess, Lost, as_json
from vimix.jobs.worker.modal import Modal
from vimix.jobs.worker.recovery import STALE, delete_old_folders, expire_old, requeue_lost
from vimix.jobs.worker.runner import JobRun, RunContext
from vimix.pipeline.request import Resources
from vimix.settings import Settings
from vimix.stores import Store

log = logging.getLogger(__name__)

POLL_EVERY = 0.5
"""Seconds between claims tried by an idle slot where jobs are in a file that processes share: each takes a millisecond,
and so long does a job of another process wait. With Redis there is no polling."""
TIDY_EVERY = 60.0
"""Seconds at most, and never more than `stale`: so long does a job wait whose worker or notification was lost."""
ANNOUNCE_EVERY = 15.0
"""Seconds between announcements of this pool's slots: four within `SEEN_WITHIN`, so that three may be lost."""
LEAVE_WITHIN = 8.0
"""Seconds that a leaving pool lets its jobs run on; container engines kill after ten."""


class WorkerPool:
    """The slots of one process."""

    def __init__(
        self, settings: Settings, store: JobStore, files: Store, *, slots: int, work: str = REAL_WORK,
        bounds: Bounds | None = None, stale: float = STALE, name: str = "", max_age: float = math.inf,
        after_job: Callable[[], None] | None = None,
    ) -> None:  # fmt: skip
        """`name`: under which its slots are counted, else one of its own. `max_age`: see `serve`; a job that ran for
        more than half of it and is handed back has lost an attempt, so that none is handed on for ever. `after_job`
        is called in a thread whenever a job is over."""
        self.name = name or str(Lease.new())
        self.slots = [ChildProcess(work, bounds or Bounds(), _resources(settings, slots)) for _ in range(slots)]
        self._store, self._stale, self._per_visitor = store, stale, settings.running_per_visitor
        self._notifier = Notifier(settings, store)
        self._queue = DocketQueue(settings.redis_url.get_secret_value())
        self._context = RunContext(
            store,
            files,
            settings.data_dir.absolute() / "jobs",
            settings.result_ttl_hours * 3600,
            self.notify,
            bounds or Bounds(),
            hand_back_within=max_age / 2,
        )
        self._after_job = after_job
        self._modal = Modal(settings, store) if settings.modal and not slots else None
        self._idle = list(self.slots)
        self._runs: set[asyncio.Task[None]] = set()
        self._looking: set[asyncio.Task[None]] = set()
        self._clearing: set[asyncio.Task[None]] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._notified = 0
        self._serving: asyncio.Task[None] | None = None
        self._leaving = False

    async def start(self) -> None:
        """Open the queue, bring back what was lost, and begin. Raises `StoreError` if the queue cannot be reached."""
        try:
            await self._queue.__aenter__()
        except Exception as error:
            raise StoreError("The queue of jobs cannot be reached.", cause=repr(error)) from error
        self._context.folder.mkdir(parents=True, exist_ok=True)
        begin: list[Callable[[], Any]] = [self._tidy, self._announce, self._notifier.run]
        if self.slots and not self._store.shared:
            begin.append(self._poll)
        self._tasks = [asyncio.create_task(task()) for task in begin]
        if self.slots:
            self._serving = asyncio.create_task(self._queue.serve(self.run_pending, slots=len(self.slots)))
            self._tasks += [asyncio.create_task(self._warm(child)) for child in self.slots]

    def take_no_more(self) -> None:
        """Claim no more jobs; those that run go on. Notifications are left to others."""
        self._leaving = True
        if self._serving is not None:
            self._serving.cancel()

    async def stop(self, *, within: float = LEAVE_WITHIN) -> None:
        """Take no new job; give those that run so many seconds, then hand them back; end the children."""
        self.take_no_more()
        until, cancelled = time.monotonic() + within, set[asyncio.Task[None]]()
        while len(self._idle) < len(self.slots):
            if time.monotonic() >= until:
                for run in self._runs - cancelled:
                    cancelled.add(run)
                    run.cancel()
            await asyncio.sleep(0.02)
        if self._clearing:
            await asyncio.wait(self._clearing, timeout=max(1.0, until - time.monotonic()))
        await _cancelled(self._clearing)
        await _cancelled([*self._tasks, *([self._serving] if self._serving else [])])
        for child in self.slots:
            await child.kill()
        with suppress(StoreError):
            await asyncio.to_thread(self._store.announce, self.name, 0, now=time.time())
        await self._queue.__aexit__()

    @property
    def idle(self) -> int:
        """Slots that are free."""
        return len(self._idle)

    async def notify(self, after: float = 0.0) -> None:
        """Say that there may be a job to run, in so many seconds. Raises nothing: `_tidy` makes good what fails."""
        try:
            await self._queue.notify(after=after)
        except Exception as error:
            log.warning("the queue of jobs cannot be notified: %r", error)
        if self._modal is not None:
            await asyncio.to_thread(self._modal.wake)

    async def run_pending(self) -> None:
        """Claim and run jobs until none may run, if a slot is free."""
        self._notified += 1
        if self._leaving or not self._idle:
            return
        child = self._idle.pop(0)
        try:
            while not self._leaving:
                before = self._notified
                job = await asyncio.to_thread(
                    self._store.claim, str(Lease.new()), now=time.time(), per_visitor=self._per_visitor
                )
                if job is None and before == self._notified:
                    return
                if job is not None:
                    await self._run(job, child)
            await self.notify()  # a job that waited for the one that ended here is for somebody else
        except StoreError as error:
            log.warning("cannot look for jobs: %s", error)
        finally:
            self._idle.append(child)

    async def _run(self, job: Job, child: ChildProcess) -> None:
        run = JobRun(job, child, self._context)
        await asyncio.wait({_tracked(run.run(), self._runs)})
        if self._after_job is not None:
            await asyncio.to_thread(self._after_job)
        _tracked(run.clear_up(), self._clearing)

    def _run_on_idle(self) -> None:
        for _ in self._idle:
            _tracked(self.run_pending(), self._looking)

    async def _poll(self) -> None:
        """Where processes share a file: notifications in memory do not reach another process."""
        while True:
            await asyncio.sleep(POLL_EVERY)
            self._run_on_idle()

    async def _tidy(self) -> None:
        """In each process, because each has a folder to clear, and jobs expire where no worker is alive too. It looks
        for jobs by itself: docket calls no handler between a failure of Redis and the end of what runs then."""
        while True:
            try:
                for job in await asyncio.to_thread(requeue_lost, self._store, stale=self._stale):
                    await self.notify(job.run_after - time.time())
                await asyncio.to_thread(expire_old, self._store, ttl=self._context.ttl)
                await asyncio.to_thread(delete_old_folders, self._store, self._context.folder)
                self._run_on_idle()
                if self._modal is not None:
                    await asyncio.to_thread(self._modal.wake)
            except (StoreError, OSError) as error:
                log.warning("cannot tidy: %s", error)
            await asyncio.sleep(min(TIDY_EVERY, self._stale))

    async def _announce(self) -> None:
        while True:
            with suppress(StoreError):
                await asyncio.to_thread(self._store.announce, self.name, len(self.slots), now=time.time())
            await asyncio.sleep(ANNOUNCE_EVERY)

    async def _warm(self, child: ChildProcess) -> None:
        try:
            await child.warm()
        except Lost as error:
            log.error("a child does not start: %s", error)


async def _cancelled(tasks: Collection[asyncio.Task[None]]) -> None:
    tasks = list(tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _tracked(work: Coroutine[Any, Any, None], among: set[asyncio.Task[None]]) -> asyncio.Task[None]:
    """A task that is held until it is over."""
    task = asyncio.create_task(work)
    among.add(task)
    task.add_done_callback(among.discard)
    return task


def _resources(settings: Settings, slots: int) -> dict[str, Any]:
    """What the child of each slot has to work with, as JSON: its share of the cores."""
    return as_json(
        replace(Resources.of(settings), threads=max(1, cores() // max(1, slots)), device=zerogpu.device(settings))
    )
