"""Accepting work: named by its content, answered from the store, or queued.

Every submission is a job of its own, with its own token, file name and end, also where equal work waits or runs: the
store runs equal work once at a time, and the others are then answered from its result.
"""

import hashlib
import math
import secrets
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from vimix.background import BackgroundFile
from vimix.errors import Busy, Gone, UsageError
from vimix.events import Card
from vimix.jobs import keys
from vimix.jobs.artifacts import stored_card
from vimix.jobs.model import LIVE, Job, JobStore, State, Ticket
from vimix.jobs.webhook import checked_address
from vimix.options import Options
from vimix.pipeline.conversion import convert
from vimix.pipeline.presets import Applied, apply_fit
from vimix.settings import Settings
from vimix.stores import Store, sha256_of

_NOT_SENT = "The background file was not sent with the request."


class Submission:
    """Makes jobs of requests."""

    def __init__(self, settings: Settings, jobs: JobStore, files: Store, *, notify: Callable[[], None]) -> None:
        self.settings, self.jobs, self.files, self._notify = settings, jobs, files, notify
        self.admit: Callable[[str, bool], None] = lambda visitor, conversion: None
        """Asked before work is queued, never for answers that are there: who, and whether only the format is new. May
        raise `Busy`."""

    def submit(
        self, file: Path, name: str, options: Options, *, visitor: str, background: Path | None = None,
        notify: str = "",
    ) -> Ticket:  # fmt: skip
        """Queue a job, or answer from the store; returns at once. `notify`: see `Job`. Raises `Busy` if too many
        wait, `UsageError`, `StoreError`."""
        notify = checked_address(notify, self.settings)
        sha256 = sha256_of(file)
        files: dict[str, Path | None] = {keys.input_key(sha256): file}
        if background is not None:
            key = keys.input_key(sha256_of(background))
            options, files[key] = options.model_copy(update={"background": BackgroundFile(key)}), background
        elif isinstance(options.background, BackgroundFile):
            raise UsageError(_NOT_SENT)
        applied = apply_fit(options)
        matte = keys.matte_key(sha256, applied.options)
        return self._enter(files, name, applied, visitor=visitor, matte=matte, notify=notify)

    def convert(
        self, made: Job, asked: Mapping[str, object], *, visitor: str, background: Path | None = None,
        notify: str = "",
    ) -> Ticket:  # fmt: skip
        """The same clip as another file, with the changes that were `asked` for: the matte is the finished job's, so
        the network is not run again. `background` is a new file; one that the finished job has is kept. Raises `Gone`,
        `UsageError` and what `submit` raises."""
        notify = checked_address(notify, self.settings)
        if made.state is not State.DONE or not self.files.touch(made.input_key):
            raise Gone("This clip has been deleted. Please send it again.", cause=f"{made.id} is {made.state}")
        before = Options.parse(made.options)
        files: dict[str, Path | None] = {made.input_key: None}
        if background is not None:
            key = keys.input_key(sha256_of(background))
            asked, files[key] = {**asked, "background": key}, background
        applied = convert(before, asked)
        behind = applied.options.background
        if isinstance(behind, BackgroundFile) and background is None:
            if behind != before.background:
                raise UsageError(_NOT_SENT)
            if not self.files.touch(behind.name):
                raise Gone("The background of this clip has been deleted. Please send it again.", cause=behind.name)
            files[behind.name] = None
        matte = made.matte_key
        if self.files.head(matte) is None:
            applied = replace(applied, options=apply_fit(applied.options).options)
            matte = keys.matte_key(keys.input_sha256(made.input_key), applied.options)
        return self._enter(files, made.input_name, applied, visitor=visitor, matte=matte, notify=notify)

    def _enter(
        self, files: dict[str, Path | None], name: str, applied: Applied, *, visitor: str, matte: str, notify: str
    ) -> Ticket:
        options = applied.options
        token, now = secrets.token_urlsafe(24), time.time()
        job = Job(
            id=secrets.token_hex(16), token_hash=token_hash(token), options=options.model_dump(mode="json"),
            input_key=next(iter(files)), input_name=name, work_key=keys.work_key(matte, options), matte_key=matte,
            visitor=visitor, created=now, updated=now, remarks=applied.remarks,
            trimmed=[applied.trimmed] if applied.trimmed else [], notify=notify, notify_at=0.0 if notify else None,
        )  # fmt: skip
        if card := self._done_before(job.work_key):
            made = job.ended(card, keys.result_key(job.work_key), expires=now + self.settings.result_ttl_hours * 3600)
            self._put(files)  # its day begins anew, so that it can be converted as long as it is there
            self.files.touch(matte)
            self.jobs.add(replace(job, state=State.DONE, **made), queue_max=self.settings.queue_max)
            return Ticket(job.id, token, cached=True)
        if busy := self._busy(visitor):
            raise busy
        twins = self.jobs.by_work_key(job.work_key)
        if not any(twin.visitor == visitor and twin.state in LIVE for twin in twins):  # else it was counted already
            self.admit(visitor, None in files.values())
        self._put(files)
        limits = {"queue_max": self.settings.queue_max, "visitor_max": self.settings.visitor_max}
        if not self.jobs.add(job, **limits):
            raise self._busy(visitor) or self._full()
        self._notify()
        return Ticket(job.id, token, cached=False)

    def _put(self, files: dict[str, Path | None]) -> None:
        for key, file in files.items():
            if not self.files.touch(key) and file is not None:
                self.files.put(key, file, mime="application/octet-stream")

    def _done_before(self, work_key: str) -> Card | None:
        with tempfile.TemporaryDirectory() as folder:
            return stored_card(self.files, work_key, Path(folder))

    def _busy(self, visitor: str) -> Busy | None:
        """Why no job of that visitor can wait now; None if it can."""
        if self.jobs.counts(now=time.time()).queued >= self.settings.queue_max:
            return self._full()
        if (mine := self.jobs.waiting(visitor)) >= self.settings.visitor_max:
            sentence = f"You already have {mine} clips waiting, which is the most at a time."
            return Busy(sentence, retry_after=self._full().retry_after)
        return None

    def _full(self) -> Busy:
        counts = self.jobs.counts(now=time.time())
        seconds = min(max((counts.mean_seconds or 20.0) / max(1, counts.slots), 5.0), 600.0)
        wait = f"{math.ceil(seconds / 60)} minutes" if seconds > 90 else f"{math.ceil(seconds)} seconds"
        return Busy(f"{counts.queued} clips are already waiting. Please try again in {wait}.", retry_after=seconds)


def token_hash(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode()).hexdigest()
