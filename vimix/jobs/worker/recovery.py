"""Brings back what nobody does any more, and forgets what is over. Run by every process, at boot and every minute.

Each step is one compare-and-set, so that any number of processes may do it at once, and a worker that was only slow
finds that the job is no longer its own.
"""

import logging
import shutil
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from vimix.jobs.lease import Lease, folder_name
from vimix.jobs.model import ATTEMPTS, Job, JobStore, State

log = logging.getLogger(__name__)

STALE = 20.0
"""Seconds without a beat after which an owner counts as dead; a beat comes five times a second."""
BACK_OFF = 1.5
"""Seconds until the second attempt; four times that until the third."""
_PART = 2000
"""Jobs at a time: more than end in a minute."""
_FRESH = 120.0
"""Seconds for which a folder is left alone."""


def lives(job: Job, *, now: float, stale: float = STALE) -> bool:
    """Whether the owner of a running job is still at it: seen at once on the same machine, else by its beat."""
    lease = Lease.parse(job.owner)
    if lease is not None and lease.holder_is_gone():
        return False
    return abs(now - job.beat) < stale  # a beat in the future is from before the clock was set back


def again(store: JobStore, job: Job, *, why: str, cause: str, now: float, hopeless: bool = False) -> Job | None:
    """Queue a job that was lost by the owner it names, later each time; or fail it, if it had its attempts.

    None if it is that owner's no more.
    """
    log.warning("job %s: attempt %d lost: %s [%s]", job.id, job.attempts, why, cause)
    changes: dict[str, Any] = {"state": State.QUEUED, "not_before": now + BACK_OFF * 4 ** (job.attempts - 1)}
    event = {"ev": "state", "state": State.QUEUED, "why": why}
    if hopeless or job.attempts >= ATTEMPTS:
        error = why if hopeless else f"{why} It was tried {job.attempts} times, and is not tried again."
        changes = {"state": State.FAILED, "error": error}
        event = {"ev": "state", **changes}
    return store.change(
        job.id, {State.RUNNING}, owner=job.owner, event=event, updated=now, **{"progress": {}, **changes}
    )


def bring_back(store: JobStore, *, stale: float = STALE) -> list[Job]:
    """Queue again what lost its owner, or fail it; what waits for another attempt now."""
    now, found = time.time(), list[Job | None]()
    for job in store.listed(State.RUNNING):
        if not lives(job, now=now, stale=stale):
            found.append(
                again(store, job, why="The machine that worked on this clip went away.", cause=job.owner, now=now)
            )
    return [job for job in found if job is not None and job.state is State.QUEUED]


def forget(store: JobStore, *, ttl: float) -> None:
    """Expire what had its day; after one more, forget that it was there. A bounded part of it each time."""
    now = time.time()
    for state in (State.DONE, State.CANCELLED):
        for job in store.listed(state, before=now - ttl, limit=_PART):
            if (job.expires or 0) < now:
                store.change(job.id, {state}, state=State.EXPIRED, updated=now, card=None, progress={})
    for state in (State.FAILED, State.EXPIRED):
        for job in store.listed(state, before=now - 2 * ttl, limit=_PART):
            store.remove(job.id)


def clear_folders(store: JobStore, folder: Path) -> None:
    """Delete this machine's job folders that nobody works in; their names are those of `folder_name`."""
    for path in folder.iterdir() if folder.is_dir() else ():
        name = path.name.partition(".")[0]
        with suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime < _FRESH:
                continue
        job = store.get(name)
        if not (job and job.state is State.RUNNING and path.name == folder_name(job.id, job.owner)):
            shutil.rmtree(path, ignore_errors=True)
