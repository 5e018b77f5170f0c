"""One suite over every queue: notifications are delivered, later ones later, no more at once than there are slots."""

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


async def delivered(
    queue: DocketQueue, notifications: int, *, slots: int, each: float = 0.0
) -> list[tuple[float, float]]:
    """Serve until so many calls are over; when each began and ended."""
    calls: list[tuple[float, float]] = []
    enough = asyncio.Event()

    async def handler() -> None:
        began = time.monotonic()
        await asyncio.sleep(each)
        calls.append((began, time.monotonic()))
        if len(calls) >= notifications:
            enough.set()

    serving = asyncio.create_task(queue.serve(handler, slots=slots))
    async with asyncio.timeout(10):
        await enough.wait()
    serving.cancel()
    with suppress(asyncio.CancelledError):
        await serving
    return calls


def test_a_notification_before_and_after_its_time(url: str) -> None:
    async def story() -> None:
        async with DocketQueue(url) as queue:
            began = time.monotonic()
            await queue.notify(after=0.6)
            await queue.notify()
            calls = await delivered(queue, 2, slots=1)
            assert calls[0][0] - began < 0.5
            assert 0.6 <= calls[1][0] - began < 2

    asyncio.run(story())


def test_no_more_at_once_than_slots(url: str) -> None:
    async def story() -> None:
        async with DocketQueue(url) as queue:
            for _ in range(6):
                await queue.notify()
            calls = await delivered(queue, 6, slots=2, each=0.1)
            assert max(sum(a <= b < end for a, end in calls) for b, _ in calls) == 2

    asyncio.run(story())


def test_a_handler_that_breaks_does_not_break_the_queue(url: str, caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        async with DocketQueue(url) as queue:
            made = asyncio.Queue[int]()

            async def handler() -> None:
                made.put_nowait(1)
                raise ZeroDivisionError

            serving = asyncio.create_task(queue.serve(handler, slots=1))
            for _ in range(2):
                await queue.notify()
                await asyncio.wait_for(made.get(), 5)
            serving.cancel()
            with suppress(asyncio.CancelledError):
                await serving

    asyncio.run(story())
    assert "A handler of a notification broke" in caplog.text


@pytest.mark.redis
def test_notifications_reach_another_process_and_outlive_redis(tmp_path: Path) -> None:
    server = RedisServer(tmp_path)

    async def story() -> None:
        async with DocketQueue(server.url) as here, DocketQueue(server.url) as there:
            await here.notify()
            server.kill()
            server.start()
            assert len(await delivered(there, 1, slots=1)) == 1

    try:
        asyncio.run(story())
    finally:
        server.kill()


def test_memory_queues_do_not_reach_each_other() -> None:
    async def story() -> None:
        async with DocketQueue() as here, DocketQueue() as there:
            await there.notify()
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(delivered(here, 1, slots=1), 0.5)

    asyncio.run(story())
