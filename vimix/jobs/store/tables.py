"""The tables of the jobs in SQLite, and how a job becomes a row and a row a job."""

import json
import sqlite3
from dataclasses import MISSING, Field, fields
from typing import Any

from vimix.jobs.model import NEWS, Job, State

FIELDS = {field.name: field for field in fields(Job)}
_AS_JSON = frozenset({"options", "progress", "card", "remarks", "trimmed"})
"""Columns whose values are JSON."""
RENAMED = {"owner": "lease", "beat": "heartbeat", "not_before": "run_after"}
"""Columns of files that an earlier version made, and what they are called now."""
SCHEMA = f"""
create table if not exists jobs ({", ".join(FIELDS)}, primary key (id)) without rowid;
create index if not exists by_state on jobs (state, created);
create index if not exists by_end on jobs (state, updated);
create index if not exists by_input on jobs (input_key, created);
create index if not exists by_work on jobs (work_key, created);
create index if not exists by_visitor on jobs (visitor, created);
create index if not exists by_visitor_and_state on jobs (visitor, state);
create table if not exists events (name integer primary key autoincrement, job, event);
create index if not exists by_job on events (job, name);
create table if not exists counters (name primary key, value) without rowid;
drop table if exists crews;
create table if not exists pools (pool primary key, slots, seen) without rowid;
"""
"""Changes nothing where the tables are there already."""
MAY_RUN = """
select * from jobs as mine where state = 'queued' and (run_after <= :now or updated > :now)
and (select count(*) from jobs where state = 'running' and visitor = mine.visitor) < :per_visitor
and not exists (select 1 from jobs where state = 'running' and work_key = mine.work_key)
order by turn, created limit 1
"""
"""The job that is claimed next."""
NOTICE = f"""
select * from jobs where notify_at is not null and notify_at <= :now
and state in ({", ".join(f"'{state}'" for state in sorted(NEWS))}) order by notify_at limit 1
"""
"""The job whose address is told next."""


def pack(name: str, value: object) -> object:
    """A field's value for its column."""
    return json.dumps(value) if name in _AS_JSON else value


def job_of(row: sqlite3.Row) -> Job:
    """The job of a row, which may have columns that this version does not know."""
    values = {name: _unpack(field, row[name]) for name, field in FIELDS.items()}
    return Job(**{**values, "state": State(values["state"])})


def _unpack(field: "Field[Any]", value: Any) -> Any:
    """A column's value; the field's default where another version of this program wrote the row without it."""
    if value is None:
        return field.default_factory() if field.default_factory is not MISSING else field.default
    return json.loads(value) if field.name in _AS_JSON else value
