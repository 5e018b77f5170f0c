"""What a job is, what is shown of it, and the contract of where jobs are kept."""

import math
from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from vimix.events import Card

ATTEMPTS = 3
"""Starts a job may have; one that was lost or failed for a passing reason so often is failed for good."""
EVENTS_KEPT = 512
"""Events kept of a job, the newest; at 5 a second and less, those of short jobs are all there."""
SEEN_WITHIN = 60.0
"""Seconds for which a pool's slots count after its last announcement, which it makes four times as often."""
SEEN_AHEAD = 600.0
"""Seconds in the future that such a moment may lie: a worker that is being started is announced ahead. Beyond that the
clock was set back, and it counts no more."""
TURN_SPACING = 3600.0
"""Seconds between the turns of one visitor's waiting jobs, see `Job.turn`. More than most jobs take, so that others
come between any two of them; and the longest that later visitors can put off a job that is its visitor's second."""
MEAN_OVER = 20
"""Finished jobs over which the mean running time is taken."""


class State(StrEnum):
    """Where a job stands. The last four are ends: a job reaches one of the first three exactly once."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    """It was done, and its files are deleted."""


LIVE = frozenset({State.QUEUED, State.RUNNING})
ENDED = frozenset(State) - LIVE
NEWS = ENDED - {State.EXPIRED}
"""Ends that an address is told of."""


@dataclass(frozen=True, slots=True)
class Job:
    """One request for one file. Times are seconds since 1970."""

    id: str
    """32 hex digits, random."""
    token_hash: str
    """The sha256 (hex) of every token that may cancel or delete it, joined by commas."""
    options: dict[str, Any]
    """Canonical, with the preset applied. A background file is named by its key in the store."""
    input_key: str
    """`in/<sha256>`."""
    input_name: str
    """As the visitor called it: for download names only, never for paths."""
    work_key: str
    """Equal for equal work: input, options and code."""
    matte_key: str
    """Equal where one matte serves both."""
    visitor: str
    """Whose limits it counts towards: an address or an account, as `web/middleware/rate_limit.py` derives it."""
    created: float
    updated: float
    state: State = State.QUEUED
    started: float | None = None
    run_after: float = 0.0
    """From when on a queued job may be claimed: later after each failed attempt."""
    attempts: int = 0
    """How often it was started."""
    lease: str = ""
    """The `Lease` of the run, as text: no other run may change the job."""
    heartbeat: float = 0.0
    """When the run last renewed its lease."""
    turn: float = field(default=0.0, compare=False)
    """Its place in the queue, given by `JobStore.add`: when it was created, or `TURN_SPACING` after the last of its
    visitor's unfinished jobs (but for those that wait for another attempt) if that is later. The lowest is claimed
    first, so visitors take turns."""
    progress: dict[str, Any] = field(default_factory=dict)
    """The last `JobProgress` of the child, as JSON."""
    result_key: str | None = None
    """`out/<hash>`; on a cancelled job, what was done by then."""
    card: Card | None = None
    error: str | None = None
    """One sentence for the person who waits."""
    expires: float | None = None
    """When the result is deleted."""
    remarks: list[str] = field(default_factory=list)
    """What of the request had to change so that it can be done, in sentences; they go on the card."""

    trimmed: list[str] = field(default_factory=list)
    """The sentence to add where the preset, not the visitor, chose the end, if the clip is longer; or nothing."""

    notify: str = ""
    """An address that is told when it has ended, by `webhook.py`; or nothing."""
    notify_at: float | None = None
    """When that address is to be told, if the job has ended by then; None: it was told, or nobody is."""
    notices: int = 0
    """How often telling it was tried."""

    def ended(self, card: Card, result_key: str, *, expires: float) -> dict[str, Any]:
        """What changes when its file is there."""
        seconds, end = (card.get("input") or {}).get("seconds"), self.options.get("end")
        trimmed = self.trimmed if seconds and end and seconds > end else []
        warnings = [*self.remarks, *trimmed, *card.get("warnings", ())]
        card = {**card, "job": self.id, "expires": expires, "warnings": list(dict.fromkeys(warnings))}
        return {"card": card, "result_key": result_key, "expires": expires}


@dataclass(frozen=True, slots=True)
class Ticket:
    """The answer to a submission."""

    job: str
    token: str
    """Lets its holder cancel and delete; shown once."""
    cached: bool
    """The result was there already; nothing runs."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A job as its page shows it."""

    job: str
    state: State
    done: int = 0
    """Frames."""
    total: int | None = None
    fps: float | None = None
    """Frames a second, over the last seconds."""
    seconds_left: float | None = None
    """An estimate: until it starts where it waits, until it ends where it runs."""
    queue_position: int | None = None
    """1 for the next one; None unless queued."""
    note: str = ""
    """What is happening beside frames: a model is being fetched, say."""
    error: str | None = None
    card: Card | None = None
    preview_version: int = 0
    """Counts up with each preview picture; 0: there is none yet."""
    partial: bool = False
    """Cancelled, and what was done by then is offered as a file."""
    finishing: bool = False
    """Cancelled, and that file is still being completed: `partial` may follow."""


@dataclass(frozen=True, slots=True)
class Counts:
    """The state of all jobs together."""

    queued: int
    running: int
    slots: int
    """Jobs that can run at once, on all machines that said so within the last minute."""
    mean_seconds: float
    """Mean seconds a job ran, of the last `MEAN_OVER`; 0 if none has."""
    oldest: float
    """Seconds the longest waiting job has waited; 0 if none waits."""


class JobStore(Protocol):
    """Jobs in SQLite or Redis: tests/contracts/test_job_stores.py runs over both. Safe to call from any thread.

    Every method is atomic, and raises `StoreError` where the database cannot be reached.
    """

    shared: bool
    """Whether other machines see the same jobs."""

    def add(self, job: Job, *, queue_max: int, visitor_max: int | None = None) -> bool:
        """Add a new job; a queued one is given its `turn`. False, and nothing happens, if it is queued and `queue_max`
        jobs wait already, or `visitor_max` of its visitor."""

    def get(self, job: str) -> Job | None:
        """The job of that id."""

    def by_work_key(self, work_key: str) -> list[Job]:
        """All jobs for equal work, the newest first."""

    def by_input(self, input_key: str) -> list[Job]:
        """All jobs on the same clip, the newest first."""

    def claim(self, lease: str, *, now: float, per_visitor: int) -> Job | None:
        """Give the first job, by `turn`, that may run to that lease: running, one more attempt. None if there is none.

        A job may run if its time has come, fewer than `per_visitor` of its visitor run, and no equal work runs. Its
        time has come as well where it was last changed in the future: the clock was set back, and `run_after` says
        nothing. A lease that has a job already is given the same again, so a call repeated after a lost answer does no
        harm.
        """

    def claim_notice(self, *, now: float, hold: float) -> Job | None:
        """An ended job whose address is to be told by now, with one more try counted: no other call is given it within
        `hold` seconds. None if there is none."""

    def change(
        self,
        job: str,
        expect: Collection[State],
        *,
        lease: str | None = None,
        event: dict[str, Any] | None = None,
        **changes: Any,
    ) -> Job | None:
        """Set fields if the job is in a state of `expect` and, where given, has that `lease`; add `event` with it.

        None, and nothing happens, if not: somebody else was there first.
        """

    def events(self, job: str, after: str = "") -> list[tuple[str, dict[str, Any]]]:
        """The events since the one called `after`, oldest first, each with its name. They may go an hour after the
        job's end."""

    def listed(self, state: State, *, before: float = math.inf, limit: int = 0) -> list[Job]:
        """The jobs in a state, oldest first: those created before then, and at most so many; 0: all."""

    def recent(self, visitor: str, *, limit: int = 20) -> list[Job]:
        """A visitor's jobs, newest first."""

    def queue(self, *, limit: int = 0) -> list[Job]:
        """The jobs that wait, by `turn`: at most so many; 0: all."""

    def waiting(self, visitor: str) -> int:
        """How many jobs of that visitor wait."""

    def position(self, job: str) -> int | None:
        """Its place in `queue`, from 1; None if it does not wait."""

    def counts(self, *, now: float) -> Counts:
        """The counts."""

    def by_state(self) -> dict[State, int]:
        """How many jobs are in each state; those that are forgotten count no more."""

    def counters(self) -> dict[str, float]:
        """The counters of `statistics.py`, moved in the transaction by which a job becomes done."""

    def announce(self, pool: str, slots: int, *, now: float) -> None:
        """Say that a process with so many slots is alive; 0 slots: it leaves. `now` may be ahead, by `SEEN_AHEAD`."""

    def remove(self, job: str) -> None:
        """Forget the job and its events."""

    def close(self) -> None:
        """Close files and connections."""
