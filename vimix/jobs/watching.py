"""Looking on at jobs: however many visitors do, the job store is asked once for all of them, in a thread of its own."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

from vimix.errors import StoreError
from vimix.jobs.model import ENDED, Counts, Job, Snapshot, State
from vimix.jobs.progress import JobProgress

LOOK_EVERY = 0.2
FINISHING_AT_MOST = 40.0
"""Seconds after a cancel in which a partial file may still come."""
Seen = Snapshot | Exception


def shot_of(job: Job, twin: Job | None, position: int | None, counts: Counts | None) -> Snapshot:
    """How a job stands. `twin`: the running job for equal work, `position` and `counts`: those of a waiting one."""
    now = JobProgress.of((twin or job).progress)
    left = None
    if position and counts and counts.slots and counts.pace:
        left = counts.pace * math.ceil(position / counts.slots)
    return Snapshot(
        job=job.id,
        state=job.state,
        done=now.done,
        total=now.total,
        fps=now.fps,
        seconds_left=None if job.state in ENDED else left or now.left,
        queue_position=position,
        note=now.note,
        error=job.error,
        card=job.card,
        preview_version=now.preview,
        partial=job.state is State.CANCELLED and job.result_key is not None,
        finishing=now.finishing and abs(time.time() - job.updated) < FINISHING_AT_MOST,
    )


def shots_of(waiting: Iterable[Job], running: Iterable[Job], counts: Counts) -> dict[str, Snapshot]:
    """How all of them stand; those that wait are the first of the queue."""
    at_work = {job.work_key: job for job in running}
    shots = {job.id: shot_of(job, at_work.get(job.work_key), place, counts) for place, job in enumerate(waiting, 1)}
    return shots | {job.id: shot_of(job, None, None, None) for job in at_work.values()}


class _View:
    """What one visitor sees."""

    def __init__(self, seen: Seen) -> None:
        self.seen = seen
        self.news = asyncio.Event()

    def show(self, seen: Seen) -> None:
        if seen != self.seen:
            self.seen = seen
            self.news.set()


class JobWatcher:
    """Looks five times a second while anybody looks on, and not otherwise."""

    def __init__(self, look: Callable[[Collection[str]], dict[str, Seen]]) -> None:
        """`look` says how the jobs of those numbers stand; it blocks, and is called by one thread at a time."""
        self._look = look
        self._thread = ThreadPoolExecutor(1, "watcher")
        self._views: dict[str, set[_View]] = {}
        self._task: asyncio.Task[None] | None = None

    async def watch(self, job: str) -> AsyncIterator[Snapshot]:
        """Now, and whenever it changes; ends with the job. Raises what looking raised."""
        last = (await self._ask({job}))[job]
        view = _View(last)
        self._views.setdefault(job, set()).add(view)  # not before: an earlier look may yet be on its way
        try:
            if self._task is None or self._task.done():
                self._task = asyncio.create_task(self._look_on())
            while isinstance(last, Snapshot):
                yield last
                if last.state in ENDED and not last.finishing:
                    return
                await view.news.wait()
                view.news.clear()
                last = view.seen
            raise last
        finally:
            self._views[job].discard(view)
            if not self._views[job]:
                del self._views[job]

    def close(self) -> None:
        """Whoever still looks on is told; the thread is let go of."""
        for view in chain(*self._views.values()):
            view.show(StoreError("The server is being restarted; the work on this clip goes on."))
        if self._task is not None:
            self._task.cancel()
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _look_on(self) -> None:
        while self._views:
            await asyncio.sleep(LOOK_EVERY)
            for job, seen in (await self._ask(set(self._views))).items():
                for view in self._views.get(job, ()):
                    view.show(seen)

    async def _ask(self, jobs: Collection[str]) -> dict[str, Seen]:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._look, jobs)
        except Exception as error:  # each who looks on is told, as if they had looked themselves
            return dict.fromkeys(jobs, error)
