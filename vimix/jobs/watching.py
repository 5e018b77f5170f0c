"""Watching jobs: however many visitors do, the job store is queried once for all of them, in a thread of its own."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import chain

from vimix.errors import StoreError
from vimix.jobs.model import ENDED, Counts, Job, Snapshot, State
from vimix.jobs.progress import JobProgress

POLL_SECONDS = 0.2
"""Shorter loads the job store, longer makes progress jump."""
FINISHING_AT_MOST = 40.0
"""Seconds after a cancel in which a partial file may still come."""
Seen = Snapshot | Exception


def snapshot_of(job: Job, twin: Job | None, position: int | None, counts: Counts | None) -> Snapshot:
    """A job as its page shows it. `twin`: the running job for equal work, `position` and `counts`: those of a waiting
    one."""
    now = JobProgress.of((twin or job).progress)
    if job.state is State.DONE and not now.done and (frames := ((job.card or {}).get("output") or {}).get("frames")):
        now = replace(now, done=frames, total=frames)  # it was answered from the store
    left = None
    if position and counts and counts.slots and counts.mean_seconds:
        left = counts.mean_seconds * math.ceil(position / counts.slots)
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


def snapshots_of(waiting: Iterable[Job], running: Iterable[Job], counts: Counts) -> dict[str, Snapshot]:
    """Snapshots of all of them; `waiting` are the first of the queue."""
    at_work = {job.work_key: job for job in running}
    snapshots = {
        job.id: snapshot_of(job, at_work.get(job.work_key), place, counts) for place, job in enumerate(waiting, 1)
    }
    return snapshots | {job.id: snapshot_of(job, None, None, None) for job in at_work.values()}


class _Subscription:
    """What one visitor was last sent, and whether there is news."""

    def __init__(self, seen: Seen) -> None:
        self.seen = seen
        self.news = asyncio.Event()

    def show(self, seen: Seen) -> None:
        if seen != self.seen:
            self.seen = seen
            self.news.set()


class JobWatcher:
    """Queries the job store every `POLL_SECONDS` while anybody watches, and not otherwise."""

    def __init__(self, query: Callable[[Collection[str]], dict[str, Seen]]) -> None:
        """`query` gives the snapshots of those jobs; it blocks, and is called by one thread at a time."""
        self._query = query
        self._thread = ThreadPoolExecutor(1, "watcher")
        self._subscriptions: dict[str, set[_Subscription]] = {}
        self._task: asyncio.Task[None] | None = None

    async def watch(self, job: str) -> AsyncIterator[Snapshot]:
        """A snapshot now, and whenever it changes; ends with the job. Raises what the query raised."""
        last = (await self._ask({job}))[job]
        subscription = _Subscription(last)
        self._subscriptions.setdefault(job, set()).add(subscription)  # not before: an earlier query may be under way
        try:
            if self._task is None or self._task.done():
                self._task = asyncio.create_task(self._poll())
            while isinstance(last, Snapshot):
                yield last
                if last.state in ENDED and not last.finishing:
                    return
                await subscription.news.wait()
                subscription.news.clear()
                last = subscription.seen
            raise last
        finally:
            self._subscriptions[job].discard(subscription)
            if not self._subscriptions[job]:
                del self._subscriptions[job]

    def close(self) -> None:
        """End all subscriptions with `StoreError`, and the thread."""
        for subscription in chain(*self._subscriptions.values()):
            subscription.show(StoreError("The server is restarting; work on this clip continues."))
        if self._task is not None:
            self._task.cancel()
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _poll(self) -> None:
        while self._subscriptions:
            await asyncio.sleep(POLL_SECONDS)
            for job, seen in (await self._ask(set(self._subscriptions))).items():
                for subscription in self._subscriptions.get(job, ()):
                    subscription.show(seen)

    async def _ask(self, jobs: Collection[str]) -> dict[str, Seen]:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._query, jobs)
        except Exception as error:  # every subscriber is sent it, as if they had queried
            return dict.fromkeys(jobs, error)
