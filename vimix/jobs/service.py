"""The one door to jobs: page, client, API, MCP and `/convert` come in here, and nowhere else."""

import asyncio
import hmac
import math
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from vimix.errors import Gone, NotFound
from vimix.jobs import keys
from vimix.jobs.artifacts import delete_files, needed
from vimix.jobs.backends import open_files, open_jobs
from vimix.jobs.lease import folder_name
from vimix.jobs.model import LIVE, Counts, Job, JobStore, Snapshot, State, Ticket
from vimix.jobs.progress import JobProgress
from vimix.jobs.submission import Submission, token_hash
from vimix.jobs.watching import JobWatcher, snapshot_of, snapshots_of
from vimix.jobs.worker.child_process import REAL_WORK, Bounds
from vimix.jobs.worker.pool import WorkerPool
from vimix.jobs.worker.recovery import STALE
from vimix.options import Options
from vimix.settings import Settings
from vimix.stores import Store

ASKED_SINGLY, SHOWN_AHEAD = 3, 200
"""Up to so many watched jobs are queried one by one, more of them together with all that run and the first of the
queue, so many of which are read."""
LINK_SECONDS = 3600.0
"""How long a link to a result holds at most."""


class JobService:
    """Accepts jobs and answers questions about them. Methods that are not `async` may be called from any thread; those
    read or write files and databases, so an event loop calls them through a thread."""

    def __init__(self, settings: Settings, jobs: JobStore, files: Store, pool: WorkerPool) -> None:
        self.settings, self.jobs, self.files, self.pool = settings, jobs, files, pool
        self._submission = Submission(settings, jobs, files, notify=self._notify)
        self._watcher = JobWatcher(self.snapshots)
        self._loop: asyncio.AbstractEventLoop | None = None

    async def start(self) -> None:
        """Open the queue, requeue what was under way, and start the slots (none in a web process with Redis)."""
        self._loop = asyncio.get_running_loop()
        await self.pool.start()

    async def stop(self, *, within: float = 2.0) -> None:
        """Give what runs so many seconds, hand the rest back, and end every child."""
        self._loop = None
        self._watcher.close()
        await self.pool.stop(within=within)
        self.jobs.close()

    def end_streams(self) -> None:
        """End the streams of those that watch jobs, since the server stops. From any thread; `stop` does so too."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._watcher.close)

    def admit(self, ask: Callable[[str, bool], None]) -> None:
        """Have limits asked before work is queued: who, and whether only the format is new. It may raise `Busy`."""
        self._submission.admit = ask

    def submit(
        self, file: Path, name: str, options: Options, *, visitor: str, background: Path | None = None,
        notify: str = "",
    ) -> Ticket:  # fmt: skip
        """Queue a job, or answer from the store; returns at once. `notify`: an address that is told when it ends.
        Raises `Busy` if too many wait, `UsageError`, `StoreError`."""
        return self._submission.submit(file, name, options, visitor=visitor, background=background, notify=notify)

    def convert(
        self, job: str, asked: Mapping[str, object], *, visitor: str, background: Path | None = None, notify: str = ""
    ) -> Ticket:
        """The same clip as another file, with the changes `asked` for: the matte is the finished job's, so no network
        runs. `NotFound`, `Gone`."""
        made = self.job(job)
        return self._submission.convert(made, asked, visitor=visitor, background=background, notify=notify)

    def job(self, job: str) -> Job:
        """The job. `NotFound`, or `Gone` once it has expired."""
        found = self.jobs.get(job)
        if found is None:
            raise NotFound("There is no such job.", cause=job[:40])
        if found.state is State.EXPIRED:
            raise Gone("This clip was deleted: results are kept for a day, or until their owner deletes them.")
        return found

    def snapshot(self, job: str) -> Snapshot:
        """How it stands now."""
        found = self.job(job)
        if found.state is not State.QUEUED:
            return snapshot_of(found, None, None, None)
        return snapshot_of(found, self._twin(found), self.jobs.position(job), self.counts())

    def snapshots(self, jobs: Collection[str]) -> dict[str, Snapshot | Exception]:
        """Their snapshots, with a few queries for all; an error that `snapshot` would raise is in place of one."""
        if len(jobs) > ASKED_SINGLY:
            waiting = self.jobs.queue(limit=SHOWN_AHEAD)
            snapshots = snapshots_of(waiting, self.jobs.listed(State.RUNNING), self.counts())
        else:
            snapshots = {}
        return {job: snapshots.get(job) or self._seen(job) for job in jobs}

    def _seen(self, job: str) -> Snapshot | Exception:
        try:
            return self.snapshot(job)
        except NotFound as error:
            return error

    def watch(self, job: str) -> AsyncIterator[Snapshot]:
        """Its snapshot now and whenever it changes, at most five times a second; ends with the job."""
        return self._watcher.watch(job)

    def events(self, job: str, after: str = "") -> list[tuple[str, dict[str, Any]]]:
        """The events of the job since the one of that name, from the start if none is named."""
        return self.jobs.events(self.job(job).id, after)

    def preview(self, job: str) -> bytes | None:
        """The newest finished frame as a small WebP picture, also after the end; None where there is none."""
        found = self.job(job)
        found = self._twin(found) or found
        if found.state in LIVE and not found.progress.get("preview"):
            return None
        folder = self.settings.data_dir / "jobs"
        try:
            return (folder / folder_name(found.id, found.lease) / "preview.webp").read_bytes()
        except OSError:
            return self._read(keys.preview_key(found.id))  # it ran on another machine, or has ended

    def cancel(self, job: str, token: str) -> Snapshot:
        """End it. What is done so far becomes a file where that is possible. `NotFound` for a wrong token."""
        before = self._owned(job, token).progress
        event = {"ev": "state", "state": State.CANCELLED}
        end: dict[str, Any] = {
            "state": State.CANCELLED,
            "updated": time.time(),
            "progress": replace(JobProgress.of(before), finishing=bool(before)).as_json(),
        }
        self.jobs.change(job, LIVE, event=event, **end)
        self._notify()  # one of this visitor's places is free
        return self.snapshot(job)

    def delete(self, job: str, token: str) -> None:
        """Delete input, matte and result at once, but for what another job needs. `NotFound` for a wrong token."""
        owned = self._owned(job, token)
        gone: dict[str, Any] = {"card": None, "result_key": None, "input_name": "", "progress": {}, "options": {}}
        gone["notify_at"] = None
        event = {"ev": "state", "state": State.EXPIRED}
        self.jobs.change(job, set(State), event=event, state=State.EXPIRED, updated=time.time(), **gone)
        delete_files(self.jobs, self.files, owned)

    def result(self, job: str) -> tuple[Job, Path | None, str | None]:
        """The finished job with its file on this machine, or else a link to it. `NotFound`, `Gone`."""
        made = self.job(job)
        if made.result_key is None:
            raise NotFound("This job has no result yet." if made.state in LIVE else "This job produced no file.")
        if self.files.head(made.result_key) is None:
            raise Gone("This file was deleted: results are kept for a day.", cause=made.result_key)
        if (path := self.files.local_path(made.result_key)) is not None:
            return made, path, None
        seconds = min(LINK_SECONDS, max(60.0, (made.expires or math.inf) - time.time()))
        return made, None, self.files.url(made.result_key, seconds=seconds, name=made.input_name)

    def recent(self, visitor: str) -> list[Job]:
        """The visitor's jobs, newest first."""
        return [job for job in self.jobs.recent(visitor) if job.state is not State.EXPIRED]

    def counts(self) -> Counts:
        """The state of all jobs together."""
        return self.jobs.counts(now=time.time())

    def in_use(self) -> set[str]:
        """The keys of files that a sweep must leave alone."""
        return {key for state in LIVE for job in self.jobs.listed(state) for key in needed(job)}

    def _twin(self, job: Job) -> Job | None:
        """The running job for equal work, whose result a waiting one will be given."""
        if job.state is not State.QUEUED:
            return None
        return next((twin for twin in self.jobs.by_work_key(job.work_key) if twin.state is State.RUNNING), None)

    def _read(self, key: str) -> bytes | None:
        with tempfile.TemporaryDirectory() as folder:
            try:
                self.files.fetch(key, Path(folder) / "file")
            except NotFound:
                return None
            return (Path(folder) / "file").read_bytes()

    def _owned(self, job: str, token: str) -> Job:
        owned = self.job(job)
        if not any(hmac.compare_digest(token_hash(token), known) for known in owned.token_hash.split(",")):
            raise NotFound("There is no such job.", cause=f"wrong token for {job}")
        return owned

    def _notify(self) -> None:
        """From whatever thread this is; not waited for, because a lost one is made good."""
        if self._loop is not None and not self._loop.is_closed():
            asyncio.run_coroutine_threadsafe(self.pool.notify(), self._loop)


def open_service(
    settings: Settings, *, workers: int | None = None, work: str = REAL_WORK, bounds: Bounds | None = None,
    stale: float = STALE,
) -> JobService:  # fmt: skip
    """The service that the settings describe. `workers`: slots of this process instead of what the settings say; unless
    given, a web process that shares its jobs over Redis has none."""
    jobs, files = open_jobs(settings), open_files(settings)
    slots = workers if workers is not None else 0 if jobs.shared else settings.workers
    return JobService(
        settings, jobs, files, WorkerPool(settings, jobs, files, slots=slots, work=work, bounds=bounds, stale=stale)
    )
