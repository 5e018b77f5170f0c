"""One suite over every home of jobs."""

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from redis import Redis

from tests.jobs.deployment import RedisServer
from vimix.errors import StoreError
from vimix.jobs.model import EVENTS_KEPT, TURN_SPACING, Job, JobStore, State
from vimix.jobs.statistics import distributions
from vimix.jobs.store.redis import RedisJobs
from vimix.jobs.store.sqlite import SqliteJobs

RUNNING, QUEUED, DONE = {State.RUNNING}, {State.QUEUED}, {State.DONE}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    yield server
    server.kill()


@pytest.fixture(params=["sqlite", pytest.param("redis", marks=pytest.mark.redis)])
def another(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], JobStore]]:
    """Opens the same home once more, as another process does."""
    stores: list[JobStore] = []
    url = ""
    if request.param == "redis":
        server = request.getfixturevalue("server")
        server.flush()
        url = server.url

    def opened() -> JobStore:
        stores.append(RedisJobs(url) if url else SqliteJobs(tmp_path / "jobs.sqlite"))
        return stores[-1]

    yield opened
    for store in stores:
        store.close()


@pytest.fixture
def store(another: Callable[[], JobStore]) -> JobStore:
    return another()


def job(number: int, **more: object) -> Job:
    plain = Job(
        id=f"{number:032x}",
        token_hash="t",
        options={"format": "webp", "end": None, "point": []},
        input_key="in/1",
        input_name="Katze ‘Größe’ 🐈.mp4",
        work_key=f"work{number}",
        matte_key="matte/1",
        visitor="v",
        created=1000.25 + number,
        updated=1000.5,
    )
    return replace(plain, **more)  # type: ignore[arg-type]


def test_a_job_comes_back_as_it_went_in(store: JobStore) -> None:
    full = job(
        1, state=State.DONE, started=1.5, attempts=2, lease="o", heartbeat=2.5, progress={"done": 3, "fps": None},
        result_key="out/1", card={"a": [1, None, {"ü": 2.5}]}, error="e", expires=9.125, run_after=0.1,
    )  # fmt: skip
    assert store.add(full, queue_max=1)
    assert store.get(full.id) == full
    assert store.get("nobody") is None
    assert store.listed(State.DONE) == [full]


def test_it_is_seen_from_elsewhere(store: JobStore, another: Callable[[], JobStore]) -> None:
    store.add(job(1), queue_max=9)
    other = another()
    claimed = other.claim("me", now=2000, per_visitor=2)
    assert claimed
    assert store.get(claimed.id) == claimed
    assert (claimed.state, claimed.lease, claimed.attempts) == (State.RUNNING, "me", 1)
    assert (claimed.started, claimed.heartbeat, claimed.updated) == (2000, 2000, 2000)


def test_what_is_to_be_told_is_given_once_at_a_time_and_only_at_the_end(
    store: JobStore, another: Callable[[], JobStore]
) -> None:
    other = another()
    store.add(job(1, notify="https://a.example", notify_at=0.0), queue_max=9)
    store.add(job(2), queue_max=9)
    assert store.claim_notice(now=2000, hold=10) is None, "it waits"
    store.change(job(1).id, QUEUED, state=State.FAILED)
    store.change(job(2).id, QUEUED, state=State.FAILED)
    given = store.claim_notice(now=2000, hold=10)
    assert given is not None
    assert (given.id, given.notify, given.notices) == (job(1).id, "https://a.example", 1)
    assert other.claim_notice(now=2009, hold=10) is None
    again = other.claim_notice(now=2010, hold=10)
    assert again is not None
    assert again.notices == 2
    store.change(job(1).id, {State.FAILED}, notify_at=None)
    assert store.claim_notice(now=9000, hold=10) is None
    store.change(job(1).id, {State.FAILED}, notify_at=1.0, state=State.EXPIRED)
    assert store.claim_notice(now=9000, hold=10) is None, "its owner deleted it"
    store.remove(job(1).id)
    assert store.claim_notice(now=9000, hold=10) is None


def test_a_full_queue_takes_no_more(store: JobStore) -> None:
    assert store.add(job(1), queue_max=1)
    assert not store.add(job(2), queue_max=1)
    assert store.get(job(2).id) is None
    assert store.add(job(3, state=State.DONE), queue_max=1)
    store.claim("me", now=2000, per_visitor=2)
    assert store.add(job(4), queue_max=1)


def numbers(jobs: list[Job]) -> list[int]:
    return [int(job.id, 16) for job in jobs]


def test_no_visitor_fills_the_queue(store: JobStore) -> None:
    added = [store.add(job(number), queue_max=9, visitor_max=2) for number in (1, 2, 3)]
    assert added == [True, True, False]
    assert store.add(job(4, visitor="w"), queue_max=9, visitor_max=2)
    assert [store.waiting(visitor) for visitor in ("v", "w", "x")] == [2, 1, 0]
    store.claim("me", now=2000, per_visitor=2)
    assert store.add(job(5), queue_max=9, visitor_max=2)


def test_visitors_take_turns(store: JobStore) -> None:
    for number in (1, 2, 3, 4):
        store.add(job(number, visitor="many"), queue_max=99)
    store.add(job(5, visitor="few"), queue_max=99)
    assert numbers(store.queue()) == [1, 5, 2, 3, 4]
    assert numbers(store.queue(limit=2)) == [1, 5]
    assert [store.position(job(number).id) for number in (1, 2, 3, 4, 5)] == [1, 3, 4, 5, 2]
    first = store.claim("a", now=2000, per_visitor=9)
    assert first
    assert int(first.id, 16) == 1
    for number, visitor in ((6, "late"), (7, "late"), (8, "few")):
        store.add(job(number, visitor=visitor), queue_max=99)
    assert numbers(store.queue()) == [5, 6, 2, 8, 7, 3, 4]
    back = store.change(first.id, RUNNING, state=State.QUEUED)
    assert back
    assert numbers(store.queue())[0] == 1  # handed back: its turn is still the first


def test_newcomers_put_nobody_off_for_longer_than_the_spacing(store: JobStore) -> None:
    store.add(job(1, visitor="many"), queue_max=99)
    store.add(job(2, visitor="many"), queue_max=99)
    store.add(job(3, visitor="x", created=1000 + TURN_SPACING - 60), queue_max=99)
    store.add(job(4, visitor="y", created=1000 + TURN_SPACING + 60), queue_max=99)
    assert numbers(store.queue()) == [1, 3, 2, 4]


def test_a_clock_that_was_set_back_holds_nothing_up(store: JobStore) -> None:
    store.add(job(1, run_after=9006, updated=9000), queue_max=9)
    store.announce("pool", 2, now=9000)
    assert store.claim("early", now=9001, per_visitor=1) is None
    assert store.counts(now=2000).slots == 0
    assert store.claim("me", now=2000, per_visitor=1)


def test_claims_go_by_age_time_visitor_and_work(store: JobStore) -> None:
    store.add(job(4, visitor="w"), queue_max=9)
    store.add(job(1, run_after=3000), queue_max=9)
    store.add(job(2, work_key="same"), queue_max=9)
    store.add(job(3, work_key="same", visitor="x"), queue_max=9)
    store.add(job(5), queue_max=9)

    def claim(lease: str, now: float = 2000) -> int | None:
        found = store.claim(lease, now=now, per_visitor=1)
        return int(found.id, 16) if found else None

    assert claim("a") == 2  # 1 is not due
    assert claim("a") == 2  # asked again after a lost answer
    assert claim("b") == 4  # 3 waits for its like
    assert claim("c") is None  # 5 is of a visitor who runs one
    assert store.change(job(2).id, RUNNING, lease="a", state=State.DONE, updated=2010.0)
    assert claim("d") == 3
    assert claim("e", now=3000) == 1


def test_a_change_asks_first(store: JobStore) -> None:
    store.add(job(1), queue_max=9)
    name = job(1).id
    assert store.change(name, RUNNING, state=State.DONE) is None
    assert store.change("nobody", set(State), error="x") is None
    mine = store.claim("me", now=1, per_visitor=2)
    assert mine
    assert store.change(name, RUNNING, lease="you", event={"ev": "x"}, error="x") is None
    assert store.get(name) == mine
    assert store.events(name) == []
    after = store.change(name, RUNNING, lease="me", event={"ev": "x"}, progress={"done": 1}, result_key=None)
    assert after == replace(mine, progress={"done": 1})
    assert [event for _, event in store.events(name)] == [{"ev": "x"}]
    assert store.listed(State.QUEUED) == []
    assert store.change(name, RUNNING, state=State.QUEUED)
    assert [kept.id for kept in store.listed(State.QUEUED)] == [name]


def test_of_many_at_once_one_wins(store: JobStore, another: Callable[[], JobStore]) -> None:
    for number in range(20):
        store.add(job(number, visitor=f"v{number}"), queue_max=99)
    won: list[str] = []

    def compete(lease: str) -> None:
        mine = another()
        while (claimed := mine.claim(f"{lease}{len(won)}", now=5000, per_visitor=1)) is not None:
            if mine.change(claimed.id, RUNNING, lease=claimed.lease, state=State.DONE, updated=5001.0):
                won.append(claimed.id)

    threads = [threading.Thread(target=compete, args=(f"{n}-",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == [job(number).id for number in range(20)]


def test_events_are_kept_in_order_and_bounded(store: JobStore) -> None:
    store.add(job(1), queue_max=9)
    store.add(job(2), queue_max=9)
    for number in range(EVENTS_KEPT + 20):
        store.change(job(1).id, QUEUED, event={"n": number})
    store.change(job(2).id, QUEUED, event={"n": -1})
    events = store.events(job(1).id)
    assert [event["n"] for _, event in events] == list(range(20, EVENTS_KEPT + 20))
    after = events[-3][0]
    assert [event["n"] for _, event in store.events(job(1).id, after)] == [EVENTS_KEPT + 18, EVENTS_KEPT + 19]
    assert store.events(job(1).id, events[-1][0]) == []


def test_positions_and_counts(store: JobStore) -> None:
    assert store.counts(now=0).queued == 0
    for number in (3, 1, 2):
        store.add(job(number, visitor=f"v{number}"), queue_max=9)
    assert [store.position(job(number).id) for number in (1, 2, 3, 4)] == [1, 2, 3, None]
    store.announce("pool", 2, now=1990)
    store.announce("dead", 7, now=1900)
    store.announce("left", 7, now=1990)
    store.announce("left", 0, now=1991)
    store.claim("me", now=2000, per_visitor=2)
    store.change(job(1).id, RUNNING, lease="me", state=State.DONE, updated=2030.0)
    counts = store.counts(now=2000)
    assert (counts.queued, counts.running, counts.slots, counts.mean_seconds) == (2, 0, 2, 30)
    assert counts.oldest == pytest.approx(2000 - 1002.25, abs=0.01)
    assert store.position(job(1).id) is None


def test_finished_jobs_move_the_counters_once(store: JobStore) -> None:
    card = {"model": "m", "timings": {"engine": 2.0, "total": 5000}, "frames_per_second": 12.5, "cached": None}
    store.add(job(1), queue_max=9)
    store.add(job(2, state=State.DONE, card={**card, "cached": "result"}), queue_max=9)
    assert store.claim("me", now=2000, per_visitor=2)
    assert store.counters() == {}
    for _ in range(2):  # the second comes too late and counts nothing
        store.change(job(1).id, RUNNING, lease="me", state=State.DONE, updated=2002.0, card=card)
    store.add(job(3), queue_max=9)
    assert store.by_state() == dict.fromkeys(State, 0) | {State.DONE: 2, State.QUEUED: 1}
    found = {(one.name, one.label): one for one in distributions(store.counters())}
    assert set(found) == {("stage_seconds", "engine"), ("stage_seconds", "total"), ("frames_per_second", "m")}
    assert [number for _, number in found["stage_seconds", "engine"].buckets] == [0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1]
    assert [number for _, number in found["stage_seconds", "total"].buckets] == [0] * 10 + [1]
    assert (found["frames_per_second", "m"].sum, found["stage_seconds", "total"].sum) == (12.5, 5000)


def test_a_job_of_the_version_after_is_read(store: JobStore, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Its record has a field, an event and an option that this version does not know."""
    store.add(job(1, options={"format": "webp", "sparkle": 3}), queue_max=9)
    if isinstance(store, RedisJobs):
        with Redis.from_url(request.getfixturevalue("server").url) as client:
            client.hset(f"vimix:job:{job(1).id}", "sparkle", '"much"')
    else:
        with sqlite3.connect(tmp_path / "jobs.sqlite") as file:
            file.execute("alter table jobs add column sparkle default 'much'")
        file.close()
    claimed = store.claim("me", now=2000, per_visitor=2)
    assert claimed
    assert claimed.options["sparkle"] == 3
    changed = store.change(claimed.id, RUNNING, lease="me", event={"ev": "sparkle"}, progress={"sparkle": 1})
    assert changed == replace(claimed, progress={"sparkle": 1})
    assert store.add(job(2), queue_max=9)
    assert [kept.id for kept in store.listed(State.QUEUED)] == [job(2).id]


@pytest.mark.redis
def test_a_job_of_the_version_before_is_read(request: pytest.FixtureRequest) -> None:
    """Of a Redis that older processes still write to: its jobs have no turn, and are not among the turns."""
    server = request.getfixturevalue("server")
    server.flush()
    store = RedisJobs(server.url)
    old = job(1)
    values = {name: json.dumps(value) for name, value in asdict(old).items() if name not in ("turn", "trimmed")}
    with Redis.from_url(server.url) as client:
        client.hset(f"vimix:job:{old.id}", mapping=values)
        client.zadd('vimix:state:"queued"', {old.id: old.created})
    store.add(job(2), queue_max=9)
    assert store.get(old.id) == old
    claimed = [store.claim(lease, now=2000, per_visitor=9) for lease in ("a", "b", "c")]
    assert [one and one.id for one in claimed] == [old.id, job(2).id, None]
    store.close()


def test_finding_and_forgetting(store: JobStore) -> None:
    for number in (1, 2, 3):
        store.add(job(number, work_key="same", visitor="w" if number == 2 else "v"), queue_max=9)
    store.change(job(1).id, QUEUED, event={"ev": "x"})
    assert [kept.id for kept in store.by_work_key("same")] == [job(n).id for n in (3, 2, 1)]
    assert [kept.id for kept in store.recent("v")] == [job(n).id for n in (3, 1)]
    assert [kept.id for kept in store.recent("v", limit=1)] == [job(3).id]
    assert [kept.id for kept in store.by_input("in/1")] == [job(n).id for n in (3, 2, 1)]
    assert [kept.id for kept in store.listed(State.QUEUED, before=1003.25)] == [job(n).id for n in (1, 2)]
    assert [kept.id for kept in store.listed(State.QUEUED, limit=1)] == [job(1).id]
    store.remove(job(1).id)
    assert [kept.id for kept in store.by_input("in/1")] == [job(n).id for n in (3, 2)]
    assert store.get(job(1).id) is None
    assert store.events(job(1).id) == []
    assert [kept.id for kept in store.by_work_key("same")] == [job(n).id for n in (3, 2)]
    assert store.counts(now=0).queued == 2


@pytest.mark.redis
def test_an_absent_redis_is_said(tmp_path: Path) -> None:
    server = RedisServer(tmp_path)
    store = RedisJobs(server.url)
    server.kill()
    with pytest.raises(StoreError):
        store.get("x")
    store.close()


def test_a_broken_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "jobs.sqlite").write_bytes(b"not a database, whatever its name" * 100)
    with pytest.raises(StoreError):
        SqliteJobs(tmp_path / "jobs.sqlite")


def test_a_file_is_not_closed_under_somebody_at_work(tmp_path: Path) -> None:
    def announce(store: SqliteJobs) -> None:
        with suppress(StoreError):  # closed
            for now in range(10_000):
                store.announce("pool", 1, now=now)

    for round in range(5):
        store = SqliteJobs(tmp_path / f"{round}.sqlite")
        busy = [threading.Thread(target=announce, args=(store,)) for _ in range(3)]
        for thread in busy:
            thread.start()
        store.close()
        for thread in busy:
            thread.join()
