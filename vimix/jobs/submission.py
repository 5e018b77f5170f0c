"""How work comes in: named by its content, answered from the store, joined to its like, or queued if there is room."""

import hashlib
import math
import secrets
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from vimix.errors import Busy, Gone, UsageError
from vimix.events import Card
from vimix.jobs import keys
from vimix.jobs.artifacts import stored_card
from vimix.jobs.model import LIVE, Job, JobStore, State, Ticket
from vimix.options import Options
from vimix.pipeline.presets import parse_fit, settle
from vimix.settings import Settings
from vimix.stores import Store, sha256_of


class Submission:
    """The service's receiving side."""

    def __init__(self, settings: Settings, jobs: JobStore, files: Store, *, ring: Callable[[], None]) -> None:
        self.settings, self.jobs, self.files, self._ring = settings, jobs, files, ring
        self.admit: Callable[[str, bool], None] = lambda visitor, conversion: None
        """Asked before work is queued, never for answers that are there: who, and whether only the format is new. May
        raise `Busy`."""

    def submit(
        self, file: Path, name: str, options: Options, *, visitor: str, background: Path | None = None
    ) -> Ticket:
        """Take work in; answers at once. Raises `Busy` if too many wait, `UsageError`, `StoreError`."""
        sha256 = sha256_of(file)
        options, files = self._with_background(options, background)
        options, remarks = _settled(options)
        files = {f"in/{sha256}": file, **files}
        return self._enter(files, name, options, remarks, visitor=visitor, matte=keys.matte_key(sha256, options))

    def convert(self, made: Job, options: Options, *, visitor: str, background: Path | None = None) -> Ticket:
        """The same clip as another file: the matte is the finished job's, so no network runs. `NotFound`, `Gone`."""
        if made.state is not State.DONE or not self.files.touch(made.input_key):
            raise Gone("This clip is no longer here. Please send it again.", cause=f"{made.id} is {made.state}")
        options, files = self._with_background(options, background)
        options, remarks = _settled(options)
        options = _with_matte_of(Options.parse(made.options), options)
        matte = made.matte_key
        if self.files.head(matte) is None:
            options, _ = _settled(options)
            matte = keys.matte_key(made.input_key.removeprefix("in/"), options)
        files = {made.input_key: None, **files}
        return self._enter(files, made.input_name, options, remarks, visitor=visitor, matte=matte)

    def _enter(
        self, files: dict[str, Path | None], name: str, options: Options, remarks: list[str], *, visitor: str,
        matte: str,
    ) -> Ticket:  # fmt: skip
        token, now = secrets.token_urlsafe(24), time.time()
        job = Job(
            id=secrets.token_hex(16), token_hash=token_hash(token), options=options.model_dump(mode="json"),
            input_key=next(iter(files)), input_name=name, work_key=keys.work_key(matte, options), matte_key=matte,
            visitor=visitor, created=now, updated=now, remarks=remarks,
        )  # fmt: skip
        if card := self._done_before(job.work_key):
            made = job.ended(card, f"out/{job.work_key}", expires=now + self.settings.result_ttl_hours * 3600)
            self._put(files)  # its day begins anew, so that it can be converted as long as it is there
            self.files.touch(matte)
            self.jobs.add(replace(job, state=State.DONE, **made), queue_max=self.settings.queue_max)
            return Ticket(job.id, token, cached=True)
        for twin in self.jobs.by_work_key(job.work_key):
            hashes = f"{twin.token_hash},{token_hash(token)}"
            if twin.visitor == visitor and self.jobs.change(twin.id, LIVE, token_hash=hashes):
                return Ticket(twin.id, token, cached=False)
        if self.jobs.counts(now=now).queued >= self.settings.queue_max:
            raise self._busy()
        self.admit(visitor, None in files.values())
        self._put(files)
        if not self.jobs.add(job, queue_max=self.settings.queue_max):
            raise self._busy()
        self._ring()
        return Ticket(job.id, token, cached=False)

    def _with_background(self, options: Options, background: Path | None) -> tuple[Options, dict[str, Path | None]]:
        """The background named by its content, which is what makes two requests the same."""
        if background is None:
            if options.background_file is not None:
                raise UsageError("The background's file was not sent with the request.")
            return options, {}
        key = f"in/{sha256_of(background)}"
        return options.model_copy(update={"background": key}), {key: background}

    def _put(self, files: dict[str, Path | None]) -> None:
        for key, file in files.items():
            if not self.files.touch(key) and file is not None:
                self.files.put(key, file, mime="application/octet-stream")

    def _done_before(self, work_key: str) -> Card | None:
        with tempfile.TemporaryDirectory() as folder:
            return stored_card(self.files, work_key, Path(folder))

    def _busy(self) -> Busy:
        counts = self.jobs.counts(now=time.time())
        seconds = min(max((counts.pace or 20.0) / max(1, counts.slots), 5.0), 600.0)
        wait = f"{math.ceil(seconds / 60)} minutes" if seconds > 90 else f"{math.ceil(seconds)} seconds"
        return Busy(f"{counts.queued} clips are waiting already. Please try again in {wait}.", retry_after=seconds)


def _settled(options: Options) -> tuple[Options, list[str]]:
    """Presets decide about the matte too, and a job must be named by the matte that is made for it."""
    return settle(options, parse_fit(options.fit)) if options.fit else (options, [])


def _with_matte_of(made: Options, asked: Options) -> Options:
    """`asked`, as far as a matte that exists can answer it."""
    fixed: dict[str, Any] = {
        name: getattr(made, name) for name in ("model", "quality", "start", "end", "point", "steady")
    }
    if (asked.refine == "matting") != (made.refine == "matting"):
        fixed["refine"] = "matting" if made.refine == "matting" else "clean"
    if made.max_fps is not None and (asked.max_fps is None or asked.max_fps > made.max_fps):
        fixed["fps"] = float(made.max_fps)
    return asked.model_copy(update=fixed)


def token_hash(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode()).hexdigest()
