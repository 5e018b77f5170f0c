"""One suite over every queue: rings are heard, later ones later, no more at once than there are slots."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.jobs.deployment import RedisServer
from vimix.jobs.engine import DocketQueue


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.redis)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "memory":
        yield ""
        return
    server = RedisServer(tmp_path)
    yield server.url
    server.kill()


async def heard(queue: DocketQueue, rings: int, *, slots: int, each: float = 0.0) -> list[tuple[float, float]]:
    """Serve until so many looks are over; when each began and ended."""
    looks: list[tuple[float, float]] = []
    enough = asyncio.Event()

    async def look() -> None:
        began = time.monotonic()
        await asyncio.sleep(each)
        looks.append((began, time.monotonic()))
        if len(looks) >= rings:
            enough.set()

    serving = asyncio.create_task(queue.serve(look, slots=slots))
    async with asyncio.timeout(10):
        await enough.wait()
    serving.cancel()
    with suppress(asyncio.CancelledError):
        await serving
    return looks


def test_a_ring_before_and_after_its_time(url: str) -> None:
    async def story() -> None:
        async with DocketQueue(url) as queue:
            began = time.monotonic()
            await queue.ring(after=0.6)
            await queue.ring()
            looks = await heard(queue, 2, slots=1)
            assert looks[0][0] - began < 0.5
            assert 0.6 <= looks[1][0] - began < 2

    asyncio.run(story())


def test_no_more_at_once_than_slots(url: str) -> None:
    async def story() -> None:
        async with DocketQueue(url) as queue:
            for _ in range(6):
                await queue.ring()
            looks = await heard(queue, 6, slots=2, each=0.1)
            assert max(sum(a <= b < end for a, end in looks) for b, _ in looks) == 2

    asyncio.run(story())


def test_a_look_that_breaks_does_not_break_the_queue(url: str, caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        async with DocketQueue(url) as queue:
            calls = asyncio.Queue[int]()

            async def look() -> None:
                calls.put_nowait(1)
                raise ZeroDivisionError

            serving = asyncio.create_task(queue.serve(look, slots=1))
            for _ in range(2):
                await queue.ring()
                await asyncio.wait_for(calls.get(), 5)
            serving.cancel()
            with suppress(asyncio.CancelledError):
                await serving

    asyncio.run(story())
    assert "A look for work broke" in caplog.text


@pytest.mark.redis
def test_rings_reach_another_process_and_outlive_redis(tmp_path: Path) -> None:
    server = RedisServer(tmp_path)

    async def story() -> None:
        async with DocketQueue(server.url) as here, DocketQueue(server.url) as there:
            await here.ring()
            server.kill()
            server.start()
            assert len(await heard(there, 1, slots=1)) == 1

    try:
        asyncio.run(story())
    finally:
        server.kill()


def test_memory_queues_do_not_hear_each_other() -> None:
    async def story() -> None:
        async with DocketQueue() as here, DocketQueue() as there:
            await there.ring()
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(heard(here, 1, slots=1), 0.5)

    asyncio.run(story())
