"""A file that an earlier version wrote is opened by this one, and its workers and jobs are still counted."""

import sqlite3
from pathlib import Path

from vimix.jobs.model import Job, State
from vimix.jobs.store.sqlite import SqliteJobs

BEFORE = """
create table jobs (id, token_hash, options, input_key, input_name, work_key, matte_key, visitor, created, updated,
    state, started, not_before, attempts, owner, beat, progress, result_key, card, error, expires, remarks,
    primary key (id)) without rowid;
create table events (name integer primary key autoincrement, job, event);
create table crews (crew primary key, slots, seen) without rowid;
insert into jobs values ('old', 'hash', '{}', 'in/a', 'a.mp4', 'work', 'matte/a', 'someone', 1, 1,
    'queued', null, 0, 0, '', 0, '{}', null, 'null', null, null, '[]');
"""
"""The tables of version 0.1.0 before `trimmed`, with one waiting job."""


def test_a_file_of_the_version_before_is_used_as_it_is(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "jobs.sqlite") as file:
        file.executescript(BEFORE)
    file.close()
    store = SqliteJobs(tmp_path / "jobs.sqlite")
    store.announce("worker", 2, now=100)
    new = Job("new", "hash", {}, "in/b", "b.mp4", "other", "matte/b", "someone", 2, 2, trimmed=["Cut."])
    assert store.add(new, queue_max=10)
    assert (store.counts(now=100).slots, store.counts(now=100).queued) == (2, 2)
    old = store.get("old")
    assert old is not None
    assert (old.state, old.trimmed, old.card) == (State.QUEUED, [], None)
    assert store.get("new") == new
    store.announce("worker", 0, now=100)
    assert store.counts(now=100).slots == 0
    store.close()
