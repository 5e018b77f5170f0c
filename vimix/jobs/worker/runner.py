"""One job from claim to end.

Five times a second the run renews its lease in the job store, by compare-and-set. When that fails, the job was
cancelled, deleted, or requeued by a process that took us for dead; then the work is thrown away."""

import asyncio
import logging
import math
import shutil
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from vimix.errors import Failed, StoreError, VimixError
from vimix.events import Card
from vimix.jobs import job_log, keys
from vimix.jobs.artifacts import delete_files, fetch_inputs, spec_of, store_outputs, store_preview, store_result
from vimix.jobs.lease import folder_name
from vimix.jobs.model import Job, JobStore, State
from vimix.jobs.progress import JobProgress
from vimix.jobs.worker.child_process import Bounds, ChildProcess, Event
from vimix.jobs.worker.recovery import retry_or_fail
from vimix.stores import Store

log = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 0.2
"""Seconds between heartbeats: a cancel is noticed as soon as that, and progress is stored as often. Shorter loads the
store."""
SHARED_PREVIEW_EVERY = 2.0
"""Seconds between preview pictures in a shared store: each is a request to the bucket, and costs as one."""
_BROKE = "Something went wrong while this clip was being processed."


@dataclass(frozen=True, slots=True)
class RunContext:
    """What jobs are run with."""

    store: JobStore
    files: Store
    folder: Path
    """Job folders are made here."""
    ttl: float
    """Seconds a result is kept."""
    notify: Callable[[float], Awaitable[None]]
    """Says, in so many seconds, that a job may be taken up again. Raises nothing."""
    bounds: Bounds = field(default_factory=Bounds)
    hand_back_within: float = math.inf
    """Seconds that a job may have run for its attempt not to count when it is handed back."""


class _LeaseLost(Exception):
    """The job was cancelled, or is another run's now."""


class JobRun:
    """A claimed job, the child process that does it, and a folder of its own."""

    def __init__(self, job: Job, child: ChildProcess, context: RunContext) -> None:
        self.job, self.child, self.context = job, child, context
        self.folder = context.folder / folder_name(job.id, job.lease)
        self._event: Event | None = None
        self._began = time.monotonic()
        self._progress = JobProgress()
        self._previewed = (0.0, 0)
        self._finishing: asyncio.Future[Event] | None = None
        self._transfers: list[asyncio.Future[Any]] = []

    async def run(self) -> None:
        """Do it, and leave it done, failed, queued again, or to the run that has it now."""
        job_log.started(self.job)
        try:
            card = await self._work()
            end = {"state": State.DONE, "updated": time.time(), "progress": self._progress.as_json()}
            end |= self.job.ended(card, keys.result_key(self.job.work_key), expires=time.time() + self.context.ttl)
            event = {"ev": "state", "state": State.DONE}
            await self._until_reached(lambda: self._change(State.RUNNING, event=event, **end))
            job_log.done(self.job, card, time.monotonic() - self._began)
        except _LeaseLost:
            log.info("job %s: its lease is lost", self.job.id)
        except asyncio.CancelledError:
            await self.child.kill()
            await self._hand_back()
            raise
        except VimixError as error:
            await self._transfer(store_preview, self.context.files, self.job, self.folder)
            await self._retry_or_fail(error)
        except Exception as error:
            log.exception("job %s: the run broke", self.job.id)
            await self._retry_or_fail(Failed(_BROKE, cause=repr(error)))

    async def clear_up(self) -> None:
        """Afterwards, when the slot is free: wait for transfers under way, and delete what is left of a deleted job."""
        offered = await self._finish(self._finishing) if self._finishing is not None else {}
        await asyncio.gather(*self._transfers, return_exceptions=True)
        with suppress(StoreError):
            now = await asyncio.to_thread(self.context.store.get, self.job.id)
            if now is None or now.state is State.EXPIRED:
                await asyncio.to_thread(delete_files, self.context.store, self.context.files, self.job)
            elif now.state is State.CANCELLED:
                event = {"ev": "state", "offered": bool(offered)}
                end = {"progress": self._progress.as_json(), "event": event, **offered}
                await asyncio.to_thread(self._change, State.CANCELLED, **end)
        await asyncio.to_thread(shutil.rmtree, self.folder, ignore_errors=True)

    def _transfer(self, work: Callable[..., Any], *given: Any, **named: Any) -> "asyncio.Future[Any]":
        """Run in a thread, which cannot be stopped: `clear_up` waits for it."""
        transfer = asyncio.ensure_future(asyncio.to_thread(work, *given, **named))
        self._transfers.append(transfer)
        return asyncio.shield(transfer)

    async def _work(self) -> Card:
        """Fetch the inputs, have the child do it, store the outputs. Raises `_LeaseLost`."""
        files, folder = self.context.files, self.folder
        card: Card | None = await self._with_heartbeat(self._transfer(fetch_inputs, files, self.job, folder))
        if card is not None:
            return card
        had_matte = (folder / "matte").exists()
        last = await self._with_heartbeat(self.child.run(spec_of(self.job, folder), self._on_event), at_no=self._stop)
        if last["ev"] == "error":
            error = VimixError(last["public"], cause=last["cause"])
            error.retryable = last["retryable"]
            raise error
        stored: Card = await self._with_heartbeat(
            self._transfer(store_outputs, files, self.job, folder, last, matte=not had_matte)
        )
        return stored

    async def _with_heartbeat(
        self, work: Awaitable[Any], *, at_no: Callable[["asyncio.Future[Any]"], Awaitable[None]] | None = None
    ) -> Any:
        """The outcome of `work`, with the lease renewed meanwhile. Raises `_LeaseLost`, after `at_no`."""
        running = asyncio.ensure_future(work)
        try:
            while True:
                await asyncio.wait({running}, timeout=HEARTBEAT_SECONDS)
                if running.done():
                    return running.result()
                if not await self._heartbeat():
                    if at_no is not None:
                        await at_no(running)
                    raise _LeaseLost
        finally:
            if running is not self._finishing:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)

    def _on_event(self, event: Event) -> None:
        self._event = event
        noted = replace(self._progress, note=event.get("text", ""))
        self._progress = JobProgress.of(event) if event["ev"] == "progress" else noted

    async def _heartbeat(self) -> bool:
        """Renew the lease and store progress. False if the lease is lost."""
        event, self._event = self._event, None
        changes: dict[str, Any] = {
            "heartbeat": time.time(),
            **({"progress": self._progress.as_json()} if event else {}),
        }
        try:
            ours = await asyncio.to_thread(self._change, State.RUNNING, event=event, **changes)
        except StoreError:
            return True  # nobody can requeue it while the store cannot be reached: go on
        await self._share_preview()
        return ours is not None

    async def _share_preview(self) -> None:
        version, now = self._progress.preview, time.monotonic()
        if (
            self.context.files.shared
            and version > self._previewed[1]
            and now - self._previewed[0] > SHARED_PREVIEW_EVERY
        ):
            self._previewed = now, version
            await asyncio.to_thread(store_preview, self.context.files, self.job, self.folder)

    async def _stop(self, running: "asyncio.Future[Event]") -> None:
        """The job was ended: have the file finished with what is done, outside of the slot if that takes long."""
        if await self.child.ask_to_finish():
            self._finishing = running
            await asyncio.wait({running}, timeout=self.context.bounds.grace)
            if not running.done():
                self.child.detach()

    async def _finish(self, running: "asyncio.Future[Event]") -> dict[str, Any]:
        """Store what a cancelled job had done; the changes of the job that offer it."""
        try:
            await asyncio.wait({running}, timeout=self.context.bounds.finish)
            if running.done() and (last := running.result())["ev"] == "done":
                key = keys.partial_key(self.job.id)
                await self._transfer(store_result, self.context.files, key, self.job, self.folder, last)
                await self._transfer(store_preview, self.context.files, self.job, self.folder)
                return self.job.ended(last["card"], key, expires=time.time() + self.context.ttl)
        except (VimixError, OSError, ValueError) as error:
            log.info("job %s: nothing to offer: %s", self.job.id, error)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        return {}

    async def _retry_or_fail(self, error: VimixError) -> None:
        """Requeue the job where a retry may succeed; else fail it."""
        now = time.time()
        job = await self._until_reached(
            lambda: retry_or_fail(
                self.context.store, self.job, why=error.public, cause=error.cause, now=now, hopeless=not error.retryable
            )
        )
        if job is not None and job.state is State.QUEUED:
            await self.context.notify(job.run_after - now)

    async def _hand_back(self) -> None:
        """Requeue it; the attempt counts only where it ran for long, and would again."""
        with suppress(StoreError):
            if time.monotonic() - self._began > self.context.hand_back_within:
                why = "This clip took longer than this machine allows."
                if await asyncio.to_thread(
                    retry_or_fail, self.context.store, self.job, why=why, cause="age", now=time.time()
                ):
                    await self.context.notify(0.0)
                return
            job_log.handed_back(self.job, time.monotonic() - self._began)
            event = {"ev": "state", "state": State.QUEUED}
            state = {"state": State.QUEUED, "attempts": self.job.attempts - 1, "progress": {}}
            await asyncio.to_thread(self._change, State.RUNNING, event=event, **state)
            await self.context.notify(0.0)

    def _change(self, expect: State, **changes: Any) -> Job | None:
        return self.context.store.change(self.job.id, {expect}, lease=self.job.lease, **changes)

    async def _until_reached(self, change: Callable[[], Job | None]) -> Job | None:
        """The outcome of a change, repeated for as long as the job store cannot be reached."""
        wait = 0.2
        while True:
            try:
                return await asyncio.to_thread(change)
            except StoreError as error:
                log.warning("job %s: %s", self.job.id, error)
                await asyncio.sleep(wait)
                wait = min(wait * 2, 5.0)
