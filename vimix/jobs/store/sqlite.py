"""Jobs of one machine, in one SQLite file. Processes may share it: every change is one immediate transaction."""

import json
import math
import sqlite3
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from vimix.errors import StoreError
from vimix.jobs.model import EVENTS_KEPT, MEAN_OVER, SEEN_AHEAD, SEEN_WITHIN, TURN_SPACING, Counts, Job, State
from vimix.jobs.statistics import increments
from vimix.jobs.store.tables import FIELDS, MAY_RUN, NOTICE, RENAMED, SCHEMA, job_of, pack

_WAIT = 10.0
"""Seconds to wait for another process's transaction; each takes about a millisecond."""


class SqliteJobs:
    """A `JobStore` in a file."""

    shared = False

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        with _explained():
            self._db = sqlite3.connect(file, timeout=_WAIT, isolation_level=None, check_same_thread=False)
            self._db.row_factory = sqlite3.Row
            self._db.execute("pragma journal_mode = wal")
            self._db.execute("pragma synchronous = normal")  # survives kill -9; a power cut may lose the last moment
            self._db.executescript(SCHEMA)
            there: set[str] = {row["name"] for row in self._db.execute("pragma table_info(jobs)")}
            for old, new in RENAMED.items():
                if old in there and new not in there:
                    self._db.execute(f"alter table jobs rename column {old} to {new}")
                    there = there - {old} | {new}
            for name in (name for name in FIELDS if name not in there):  # a file from before there was such a field
                self._db.execute(f"alter table jobs add column {name}")
            self._db.execute("update jobs set turn = created where turn is null")
            self._db.execute("create index if not exists by_turn on jobs (state, turn)")
            self._db.execute("create index if not exists by_notice on jobs (notify_at) where notify_at is not null")

    def add(self, job: Job, *, queue_max: int, visitor_max: int | None = None) -> bool:
        """One insert, counted and made in one transaction."""
        with self._writing() as db:
            if job.state is State.QUEUED:
                waiting, mine, last = db.execute(
                    "select (select count(*) from jobs where state = 'queued'), total(state = 'queued'),"
                    " max(case when run_after <= ? then coalesce(turn, created) end)"
                    " from jobs where visitor = ? and state in ('queued', 'running')",
                    [job.created, job.visitor],
                ).fetchone()
                if waiting >= queue_max or (visitor_max is not None and mine >= visitor_max):
                    return False
                job = replace(job, turn=job.created if last is None else max(job.created, last + TURN_SPACING))
            values = {name: pack(name, value) for name, value in asdict(job).items()}
            names, marks = ", ".join(values), ", ".join("?" * len(values))
            db.execute(f"insert into jobs ({names}) values ({marks})", list(values.values()))
            self._count(job.state, job.card)
            return True

    def get(self, job: str) -> Job | None:
        """By its primary key."""
        found = self._read("select * from jobs where id = ?", job)
        return found[0] if found else None

    def by_work_key(self, work_key: str) -> list[Job]:
        """By the index."""
        return self._read("select * from jobs where work_key = ? order by created desc", work_key)

    def claim(self, lease: str, *, now: float, per_visitor: int) -> Job | None:
        """Selected and updated in one transaction."""
        with self._writing() as db:
            again = db.execute("select * from jobs where state = 'running' and lease = ?", [lease]).fetchone()
            if again is not None:
                return job_of(again)
            row = db.execute(MAY_RUN, {"now": now, "per_visitor": per_visitor}).fetchone()
            if row is None:
                return None
            return self._set(
                row["id"],
                state=State.RUNNING,
                lease=lease,
                attempts=row["attempts"] + 1,
                started=now,
                heartbeat=now,
                updated=now,
                progress={},
            )

    def claim_notice(self, *, now: float, hold: float) -> Job | None:
        """Selected and updated in one transaction."""
        with self._writing() as db:
            row = db.execute(NOTICE, {"now": now}).fetchone()
            return row and self._set(row["id"], notify_at=now + hold, notices=(row["notices"] or 0) + 1)

    def change(
        self,
        job: str,
        expect: Collection[State],
        *,
        lease: str | None = None,
        event: dict[str, Any] | None = None,
        **changes: Any,
    ) -> Job | None:
        """Compared and set in one transaction."""
        with self._writing() as db:
            row = db.execute("select state, lease from jobs where id = ?", [job]).fetchone()
            if row is None or row["state"] not in expect or lease not in (None, row["lease"]):
                return None
            if event is not None:
                db.execute("insert into events (job, event) values (?, ?)", [job, json.dumps(event)])
                db.execute(
                    "delete from events where name in"
                    " (select name from events where job = ? order by name desc limit -1 offset ?)",
                    [job, EVENTS_KEPT],
                )
            self._count(changes.get("state"), changes.get("card"))
            if changes.get("state") is State.EXPIRED:
                db.execute("delete from events where job = ?", [job])
            return self._set(job, **changes)

    def events(self, job: str, after: str = "") -> list[tuple[str, dict[str, Any]]]:
        """Their names are numbers that grow."""
        with self._lock, _explained():
            rows = self._db.execute(
                "select name, event from events where job = ? and name > ? order by name", [job, int(after or 0)]
            ).fetchall()
        return [(str(row["name"]), json.loads(row["event"])) for row in rows]

    def by_input(self, input_key: str) -> list[Job]:
        """By the index."""
        return self._read("select * from jobs where input_key = ? order by created desc", input_key)

    def listed(self, state: State, *, before: float = math.inf, limit: int = 0) -> list[Job]:
        """By the index."""
        query = "select * from jobs where state = ? and created < ? order by created limit ?"
        return self._read(query, state, before, limit or -1)

    def recent(self, visitor: str, *, limit: int = 20) -> list[Job]:
        """By the index."""
        return self._read("select * from jobs where visitor = ? order by created desc limit ?", visitor, limit)

    def queue(self, *, limit: int = 0) -> list[Job]:
        """By the index."""
        return self._read("select * from jobs where state = 'queued' order by turn, created limit ?", limit or -1)

    def waiting(self, visitor: str) -> int:
        """By the index."""
        return int(self._row("select count(*) from jobs where visitor = ? and state = 'queued'", visitor)[0])

    def position(self, job: str) -> int | None:
        """Counted."""
        query = """
            select (select count(*) from jobs where state = 'queued' and (turn, created) <= (mine.turn, mine.created))
            from jobs as mine where id = ? and state = 'queued'
        """
        place = self._row(query, job)
        return place and int(place[0])

    def counts(self, *, now: float) -> Counts:
        """Counted."""
        with self._lock, _explained():
            row = self._db.execute(
                "select (select count(*) from jobs where state = 'queued'),"
                "(select count(*) from jobs where state = 'running'),"
                "(select coalesce(sum(slots), 0) from pools where seen between :from and :to),"
                "(select coalesce(avg(updated - started), 0) from (select updated, started from jobs"
                f" where state = 'done' and started is not null order by updated desc limit {MEAN_OVER})),"
                "(select coalesce(:now - min(created), 0) from jobs where state = 'queued')",
                {"now": now, "from": now - SEEN_WITHIN, "to": now + SEEN_AHEAD},
            ).fetchone()
        return Counts(*row)

    def by_state(self) -> dict[State, int]:
        """Counted, in the index."""
        return {state: self._row("select count(*) from jobs where state = ?", state)[0] for state in State}

    def counters(self) -> dict[str, float]:
        """A row each."""
        with self._lock, _explained():
            return {row["name"]: row["value"] for row in self._db.execute("select * from counters").fetchall()}

    def announce(self, pool: str, slots: int, *, now: float) -> None:
        """One row a process."""
        with self._writing() as db:
            db.execute("delete from pools where pool = ? or seen < ?", [pool, now - 3600])
            if slots:
                db.execute("insert into pools values (?, ?, ?)", [pool, slots, now])

    def remove(self, job: str) -> None:
        """The row and its events."""
        with self._writing() as db:
            db.execute("delete from jobs where id = ?", [job])
            db.execute("delete from events where job = ?", [job])

    def close(self) -> None:
        """The file is closed; what was committed stays."""
        with self._lock:  # a thread that nobody waits for may still be at work in it, which SQLite does not survive
            self._db.close()

    def _count(self, state: State | None, card: Any) -> None:
        for name, by in increments(card).items() if state is State.DONE else ():
            add = "insert into counters values (?, ?) on conflict (name) do update set value = value + excluded.value"
            self._db.execute(add, [name, by])

    def _set(self, job: str, **changes: Any) -> Job:
        if changes:
            names = ", ".join(f"{name} = ?" for name in changes)
            values = [pack(name, value) for name, value in changes.items()]
            self._db.execute(f"update jobs set {names} where id = ?", [*values, job])
        return job_of(self._db.execute("select * from jobs where id = ?", [job]).fetchone())

    def _row(self, query: str, *values: object) -> Any:
        with self._lock, _explained():
            return self._db.execute(query, values).fetchone()

    def _read(self, query: str, *values: object) -> list[Job]:
        with self._lock, _explained():
            return [job_of(row) for row in self._db.execute(query, values).fetchall()]

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock, _explained():
            self._db.execute("begin immediate")
            try:
                yield self._db
                self._db.execute("commit")
            except BaseException:
                self._db.execute("rollback")
                raise


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StoreError("The list of jobs cannot be reached. Please try again.", cause=str(error)) from error
