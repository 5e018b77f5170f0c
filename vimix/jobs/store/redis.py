"""Jobs that many machines share, in Redis: a hash a job, a stream for its events, sorted sets to find it by.

Every value in a hash is JSON. A change of more than one key is one Lua script, so it happens whole or not at all.
"""

import json
import math
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import asdict, fields
from typing import Any, cast

from redis import Redis
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as Unreachable
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as TooSlow
from redis.retry import Retry

from vimix.errors import StoreError
from vimix.jobs.model import EVENTS_KEPT, MEAN_OVER, NEWS, SEEN_AHEAD, SEEN_WITHIN, TURN_SPACING, Counts, Job, State
from vimix.jobs.statistics import increments
from vimix.jobs.store import lua

_P = "vimix:"
_SCRIPTS = (lua.ADD, lua.CLAIM, lua.CLAIM_NOTICE, lua.CHANGE, lua.REMOVE)
_FIELDS = frozenset(field.name for field in fields(Job))


class RedisJobs:
    """A `JobStore` behind an address."""

    shared = True

    def __init__(self, url: str) -> None:
        self._redis: Redis = Redis.from_url(
            url,
            decode_responses=True,
            socket_timeout=10,
            socket_connect_timeout=3,
            retry=Retry(ExponentialBackoff(cap=0.5, base=0.05), 8),
            retry_on_error=[Unreachable, TooSlow],
        )
        self._scripts = {text: self._redis.register_script(lua.HELP + text) for text in _SCRIPTS}

    def add(self, job: Job, *, queue_max: int, visitor_max: int | None = None) -> bool:
        """One script."""
        limit = "" if visitor_max is None else visitor_max
        values, counted = json.dumps(_pack(asdict(job))), _counted(job.state, job.card)
        return bool(self._do(lua.ADD, job.id, queue_max, limit, values, TURN_SPACING, counted))

    def get(self, job: str) -> Job | None:
        """One hash."""
        found = self._read([job])
        return found[0] if found else None

    def by_work_key(self, work_key: str) -> list[Job]:
        """By its sorted set."""
        return self._ranged(f"work:{work_key}", newest_first=True)

    def claim(self, lease: str, *, now: float, per_visitor: int) -> Job | None:
        """One script."""
        job = self._do(lua.CLAIM, json.dumps(lease), json.dumps(now), per_visitor)
        return self.get(str(job)) if job else None

    def claim_notice(self, *, now: float, hold: float) -> Job | None:
        """One script."""
        job = self._do(lua.CLAIM_NOTICE, json.dumps(now), _set_of(NEWS), json.dumps(now + hold))
        return self.get(str(job)) if job else None

    def change(
        self,
        job: str,
        expect: Collection[State],
        *,
        lease: str | None = None,
        event: dict[str, Any] | None = None,
        **changes: Any,
    ) -> Job | None:
        """One script."""
        expected = _set_of(expect)
        counted = _counted(changes.get("state"), changes.get("card"))
        values = json.dumps(_pack(changes))
        changed = self._do(
            lua.CHANGE, job, expected, json.dumps(lease), json.dumps(event), values, EVENTS_KEPT, counted
        )
        return self.get(job) if changed else None

    def events(self, job: str, after: str = "") -> list[tuple[str, dict[str, Any]]]:
        """A stream; its names grow."""
        with _explained():
            rows = cast(Any, self._redis.xrange(f"{_P}events:{job}", min=f"({after}" if after else "-"))
        return [(name, json.loads(values["e"])) for name, values in rows]

    def by_input(self, input_key: str) -> list[Job]:
        """By its sorted set."""
        return self._ranged(f"input:{input_key}", newest_first=True)

    def listed(self, state: State, *, before: float = math.inf, limit: int = 0) -> list[Job]:
        """By its sorted set."""
        with _explained():
            found = self._redis.zrange(
                f"{_P}state:{json.dumps(state)}", "-inf", f"({before}", byscore=True, offset=0, num=limit or -1
            )
        return self._read(cast(list[str], found))

    def recent(self, visitor: str, *, limit: int = 20) -> list[Job]:
        """By its sorted set."""
        return self._ranged(f"visitor:{visitor}", newest_first=True, limit=limit)

    def queue(self, *, limit: int = 0) -> list[Job]:
        """By its sorted set."""
        return self._ranged("turns", limit=limit)

    def waiting(self, visitor: str) -> int:
        """All that wait are asked: they are few beside those that a visitor had."""
        return sum(job.visitor == visitor for job in self.queue())

    def position(self, job: str) -> int | None:
        """Its rank."""
        with _explained():
            rank = cast(Any, self._redis.zrank(f"{_P}turns", job))
        return None if rank is None else rank + 1

    def counts(self, *, now: float) -> Counts:
        """One round trip."""
        with _explained(), self._redis.pipeline() as pipe:
            pipe.zcard(f'{_P}state:"queued"')
            pipe.zcard(f'{_P}state:"running"')
            pipe.hvals(f"{_P}pools")
            pipe.lrange(f"{_P}run_seconds", 0, -1)
            pipe.zrange(f'{_P}state:"queued"', 0, 0, withscores=True)
            queued, running, pools, ran, first = pipe.execute()
        slots = sum(slots for slots, seen in map(json.loads, pools) if now - SEEN_WITHIN <= seen <= now + SEEN_AHEAD)
        mean = sum(map(float, ran)) / len(ran) if ran else 0.0
        return Counts(queued, running, slots, mean, now - first[0][1] if first else 0.0)

    def by_state(self) -> dict[State, int]:
        """Sizes of the sorted sets, in one round trip."""
        with _explained(), self._redis.pipeline() as pipe:
            for state in State:
                pipe.zcard(f"{_P}state:{json.dumps(state)}")
            return dict(zip(State, pipe.execute(), strict=True))

    def counters(self) -> dict[str, float]:
        """One hash."""
        with _explained():
            found = cast(dict[str, str], self._redis.hgetall(f"{_P}counters"))
        return {name: float(value) for name, value in found.items()}

    def announce(self, pool: str, slots: int, *, now: float) -> None:
        """One field a process."""
        with _explained():
            if slots:
                self._redis.hset(f"{_P}pools", pool, json.dumps([slots, now]))
            else:
                self._redis.hdel(f"{_P}pools", pool)
            pools = cast(dict[str, str], self._redis.hgetall(f"{_P}pools"))
            if gone := [name for name, value in pools.items() if json.loads(value)[1] < now - 3600]:
                self._redis.hdel(f"{_P}pools", *gone)

    def remove(self, job: str) -> None:
        """One script."""
        self._do(lua.REMOVE, job)

    def close(self) -> None:
        """Connections are closed."""
        self._redis.close()

    def _do(self, script: str, *values: object) -> Any:
        with _explained():
            return self._scripts[script](args=[MEAN_OVER, *cast(Any, values)])

    def _ranged(self, name: str, *, newest_first: bool = False, limit: int = 0) -> list[Job]:
        with _explained():
            found = self._redis.zrange(f"{_P}{name}", 0, limit - 1, desc=newest_first)
        return self._read(cast(list[str], found))

    def _read(self, jobs: list[str]) -> list[Job]:
        if not jobs:
            return []
        with _explained(), self._redis.pipeline(transaction=False) as pipe:
            for job in jobs:
                pipe.hgetall(f"{_P}job:{job}")
            rows = pipe.execute()
        return [_job(row) for row in rows if row]


def _set_of(states: Collection[State]) -> str:
    return json.dumps({json.dumps(state): True for state in states})


def _counted(state: State | None, card: Any) -> str:
    return json.dumps(increments(card) if state is State.DONE else {})


def _pack(values: dict[str, Any]) -> dict[str, str]:
    return {name: json.dumps(value) for name, value in values.items()}


def _job(row: dict[str, str]) -> Job:
    values = {name: json.loads(value) for name, value in row.items() if name in _FIELDS}  # others: a later version's
    return Job(**{**values, "state": State(values["state"])})


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except RedisError as error:
        raise StoreError("The list of jobs cannot be reached. Please try again.", cause=repr(error)) from error
