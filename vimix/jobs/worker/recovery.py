"""Requeues jobs whose worker is gone, and expires old ones. Run by every process, at its start and every minute.

Each step is one compare-and-set, so that any number of processes may do it at once, and a worker that was only slow
finds that the job is no longer its own.
"""

import shutil
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from vimix.jobs import job_log
from vimix.jobs.lease import Lease, folder_name
from vimix.jobs.model import ATTEMPTS, Job, JobStore, State

STALE = 20.0
"""Seconds without a heartbeat after which a lease counts as lost; one comes five times a second. Less would requeue
jobs of machines that are only busy, more leaves jobs of dead ones waiting."""
BACK_OFF = 1.5
"""Seconds until the second attempt; four times that until the third."""
_PART = 2000
"""Jobs expired at a time: more than end in a minute, and few enough not to hold the database up."""
_FRESH = 120.0
"""Seconds for which a folder is left alone: its job may be claimed but not stored yet."""


def is_alive(job: Job, *, now: float, stale: float = STALE) -> bool:
    """Whether the run of a job is alive: by its process on the same machine, else by its heartbeat."""
    lease = Lease.parse(job.lease)
    if lease is not None and lease.holder_is_gone():
        return False
    return abs(now - job.heartbeat) < stale  # one in the future is from before the clock was set back


def retry_or_fail(store: JobStore, job: Job, *, why: str, cause: str, now: float, hopeless: bool = False) -> Job | None:
    """Requeue a job that the lease it names lost, later each time; or fail it, if it had its attempts.

    None if it no longer has that lease.
    """
    job_log.lost(job, why, cause)
    changes: dict[str, Any] = {"state": State.QUEUED, "run_after": now + BACK_OFF * 4 ** (job.attempts - 1)}
    event = {"ev": "state", "state": State.QUEUED, "why": why}
    if hopeless or job.attempts >= ATTEMPTS:
        error = why if hopeless else f"{why} It was tried {job.attempts} times and will not be tried again."
        changes = {"state": State.FAILED, "error": error}
        event = {"ev": "state", **changes}
    return store.change(
        job.id, {State.RUNNING}, lease=job.lease, event=event, updated=now, **{"progress": {}, **changes}
    )


def requeue_lost(store: JobStore, *, stale: float = STALE) -> list[Job]:
    """Requeue or fail the running jobs whose lease is lost; the requeued ones."""
    now, found = time.time(), list[Job | None]()
    for job in store.listed(State.RUNNING):
        if not is_alive(job, now=now, stale=stale):
            found.append(
                retry_or_fail(
                    store, job, why="The machine working on this clip went offline.", cause=job.lease, now=now
                )
            )
    return [job for job in found if job is not None and job.state is State.QUEUED]


def expire_old(store: JobStore, *, ttl: float) -> None:
    """Expire jobs whose files are past `ttl` (seconds), and remove them after twice that; `_PART` jobs at a time."""
    now = time.time()
    for state in (State.DONE, State.CANCELLED):
        for job in store.listed(state, before=now - ttl, limit=_PART):
            if (job.expires or 0) < now:
                store.change(job.id, {state}, state=State.EXPIRED, updated=now, card=None, progress={})
    for state in (State.FAILED, State.EXPIRED):
        for job in store.listed(state, before=now - 2 * ttl, limit=_PART):
            store.remove(job.id)


def delete_old_folders(store: JobStore, folder: Path) -> None:
    """Delete this machine's job folders that nobody works in; their names are those of `folder_name`."""
    for path in folder.iterdir() if folder.is_dir() else ():
        name = path.name.partition(".")[0]
        with suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime < _FRESH:
                continue
        job = store.get(name)
        if not (job and job.state is State.RUNNING and path.name == folder_name(job.id, job.lease)):
            shutil.rmtree(path, ignore_errors=True)
