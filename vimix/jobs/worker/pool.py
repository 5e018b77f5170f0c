"""Those who do the jobs: some slots, a bell, and the minute's tidying. One pool a process, in the web process too."""

import asyncio
import logging
import signal
import sys
import time
from collections.abc import Callable, Collection, Coroutine
from contextlib import suppress
from dataclasses import replace
from typing import Any

from vimix.concurrency.threads import cores
from vimix.errors import StoreError
from vimix.jobs.engine import DocketQueue
from vimix.jobs.model import JobStore
from vimix.jobs.store.redis import RedisJobs
from vimix.jobs.store.sqlite import SqliteJobs
from vimix.jobs.worker.child_process import REAL_WORK, Bounds, ChildProcess, Lost, as_json
from vimix.jobs.worker.modal import Modal
from vimix.jobs.worker.recovery import STALE, bring_back, clear_folders, forget, owner_name
from vimix.jobs.worker.runner import JobRun, RunContext
from vimix.pipeline.request import Resources
from vimix.settings import Settings
from vimix.stores import Store, open_store

log = logging.getLogger(__name__)

LOOK_EVERY = 0.5
"""Seconds after which an idle slot looks without having been rung for: rings can be lost, and reach a busy pool."""
TIDY_EVERY = 60.0
ANNOUNCE_EVERY = 15.0
EMPTY_FOR = 10.0
"""Seconds without work after which a worker that is paid by the second ends."""
LEAVE_WITHIN = 8.0
"""Seconds that a leaving pool lets its jobs run on; container engines kill after ten."""


class WorkerPool:
    """The slots of one process."""

    def __init__(
        self, settings: Settings, store: JobStore, files: Store, *, slots: int, work: str = REAL_WORK,
        bounds: Bounds | None = None, stale: float = STALE,
    ) -> None:  # fmt: skip
        self.name = owner_name()
        self.slots = [ChildProcess(work, bounds or Bounds(), _resources(settings, slots)) for _ in range(slots)]
        self._store, self._stale, self._per_visitor = store, stale, settings.running_per_visitor
        self._queue = DocketQueue(settings.redis_url.get_secret_value())
        self._means = RunContext(
            store,
            files,
            settings.data_dir.absolute() / "jobs",
            settings.result_ttl_hours * 3600,
            self.ring,
            bounds or Bounds(),
        )
        self._modal = Modal(settings) if settings.modal and not slots else None
        self._idle = list(self.slots)
        self._errands: set[asyncio.Task[None]] = set()
        self._clearing: set[asyncio.Task[None]] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._rings = 0
        self._leaving = False

    async def start(self) -> None:
        """Open the queue, bring back what was lost, and begin. Raises `StoreError` if the queue cannot be reached."""
        try:
            await self._queue.__aenter__()
        except Exception as error:
            raise StoreError("The queue of jobs cannot be reached.", cause=repr(error)) from error
        self._means.folder.mkdir(parents=True, exist_ok=True)
        begin: list[Callable[[], Any]] = [self._tidy, self._announce, *([self._look_around] if self.slots else [])]
        self._tasks = [asyncio.create_task(task()) for task in begin]
        if self.slots:
            self._tasks.append(asyncio.create_task(self._queue.serve(self.look, slots=len(self.slots))))
            self._tasks += [asyncio.create_task(self._warm(slot)) for slot in self.slots]

    async def stop(self, *, within: float = LEAVE_WITHIN) -> None:
        """Take no new job; give those that run so many seconds, then hand them back; end the children."""
        self._leaving = True
        until, told = time.monotonic() + within, set[asyncio.Task[None]]()
        while len(self._idle) < len(self.slots):
            if time.monotonic() >= until:
                for errand in self._errands - told:
                    told.add(errand)
                    errand.cancel()
            await asyncio.sleep(0.02)
        if self._clearing:
            await asyncio.wait(self._clearing, timeout=max(1.0, until - time.monotonic()))
        await _cancelled(self._clearing)
        await _cancelled(self._tasks)
        for slot in self.slots:
            await slot.kill()
        with suppress(StoreError):
            await asyncio.to_thread(self._store.announce, self.name, 0, now=time.time())
        await self._queue.__aexit__()

    @property
    def idle(self) -> int:
        """Slots that are free."""
        return len(self._idle)

    async def ring(self, after: float = 0.0) -> None:
        """Have somebody look. A bell that does not ring is only said: idle slots look by themselves."""
        try:
            await self._queue.ring(after=after)
        except Exception as error:
            log.warning("the bell does not ring: %r", error)
        if self._modal is not None:
            await asyncio.to_thread(self._modal.wake)

    async def look(self) -> None:
        """Claim and do jobs until there is none, if a slot is free."""
        self._rings += 1
        if self._leaving or not self._idle:
            return
        slot = self._idle.pop(0)
        try:
            while not self._leaving:
                heard = self._rings
                job = await asyncio.to_thread(
                    self._store.claim, owner_name(), now=time.time(), per_visitor=self._per_visitor
                )
                if job is None and heard == self._rings:
                    return
                if job is not None:
                    errand = JobRun(job, slot, self._means)
                    await asyncio.wait({_tracked(errand.run(), self._errands)})
                    _tracked(errand.clear_up(), self._clearing)
        except StoreError as error:
            log.warning("cannot look for jobs: %s", error)
        finally:
            self._idle.append(slot)

    async def _look_around(self) -> None:
        looking: set[asyncio.Task[None]] = set()
        while True:
            if self._idle:
                _tracked(self.look(), looking)
            await asyncio.sleep(LOOK_EVERY)

    async def _tidy(self) -> None:
        while True:
            try:
                waiting = await asyncio.to_thread(bring_back, self._store, stale=self._stale)
                await asyncio.to_thread(forget, self._store, ttl=self._means.ttl)
                await asyncio.to_thread(clear_folders, self._store, self._means.folder)
                for _ in range(min(waiting, 8)):  # a slot that is woken goes on until nothing waits
                    await self.ring()
            except (StoreError, OSError) as error:
                log.warning("cannot tidy: %s", error)
            await asyncio.sleep(min(TIDY_EVERY, self._stale))

    async def _announce(self) -> None:
        while True:
            with suppress(StoreError):
                await asyncio.to_thread(self._store.announce, self.name, len(self.slots), now=time.time())
            await asyncio.sleep(ANNOUNCE_EVERY)

    async def _warm(self, slot: ChildProcess) -> None:
        try:
            await slot.warm()
        except Lost as error:
            log.error("a child does not start: %s", error)


def open_jobs(settings: Settings) -> JobStore:
    """In Redis if there is one, else in a file of the data folder."""
    url = settings.redis_url.get_secret_value()
    return RedisJobs(url) if url else SqliteJobs(settings.data_dir / "jobs.sqlite")


def open_files(settings: Settings) -> Store:
    """In the bucket if one is named, else in a folder of the data folder."""
    return open_store(
        folder=settings.data_dir / "files",
        bucket=settings.s3_bucket,
        endpoint=settings.s3_endpoint,
        access_key=settings.s3_access_key.get_secret_value(),
        secret_key=settings.s3_secret_key.get_secret_value(),
    )


def serve(
    settings: Settings, *, until_empty: bool = False, work: str = REAL_WORK, stale: float = STALE,
    within: float = LEAVE_WITHIN,
) -> int:  # fmt: skip
    """`python -m vimix worker`: do jobs until SIGTERM or SIGINT, then finish or hand back. The exit code.

    `until_empty`: end as well when nothing has waited or run for a while, where machines are paid by the second.
    """

    async def until_told() -> None:
        told = asyncio.Event()
        with suppress(ValueError, RuntimeError):  # not the main thread: whoever started it stops it
            for number in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(number, told.set)
        store = open_jobs(settings)
        pool = WorkerPool(settings, store, open_files(settings), slots=max(1, settings.workers), work=work, stale=stale)
        await pool.start()
        print(f"Working, {len(pool.slots)} at once.", file=sys.stderr, flush=True)
        last = time.monotonic()
        while not told.is_set() and not (until_empty and time.monotonic() - last > EMPTY_FOR):
            with suppress(TimeoutError):
                await asyncio.wait_for(told.wait(), 1.0)
            if until_empty and (pool.idle < len(pool.slots) or await asyncio.to_thread(_waiting, store)):
                last = time.monotonic()
        await pool.stop(within=within)
        store.close()

    asyncio.run(until_told())
    return 0


def _waiting(store: JobStore) -> bool:
    try:
        return store.counts(now=time.time()).queued > 0
    except StoreError:
        return False


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
    return as_json(replace(Resources.of(settings), threads=max(1, cores() // max(1, slots))))
