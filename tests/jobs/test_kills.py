"""Kills on purpose, over both homes of jobs: each job ends exactly once, with the right file, and nothing is left."""

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.jobs.counting_work import clip, result_of
from tests.jobs.deployment import Place, RedisServer, ended, submit, until
from vimix.jobs.model import Job, State
from vimix.jobs.service import JobService
from vimix.jobs.worker import recovery
from vimix.jobs.worker.child_process import Bounds


@pytest.fixture
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery, "BACK_OFF", 0.1)


async def right_once(service: JobService, job: str, file: Path, frames: int) -> Job:
    kept = await ended(service, job)
    assert kept.state is State.DONE
    result = service.result(job)[1]
    assert result is not None
    assert result.read_bytes() == result_of(file.read_bytes(), frames)
    ends = [event for _, event in service.events(job) if event.get("state") == State.DONE]
    assert len(ends) == 1
    return kept


async def under_way(service: JobService, file: Path) -> Any:
    ticket = await submit(service, file)
    await until(lambda: service.snapshot(ticket.job).done > 2)
    return ticket


def test_the_child_is_killed(place: Place, tmp_path: Path, quick_retries: None) -> None:
    async def story() -> None:
        async with place.service(1) as service:
            file = clip(tmp_path / "a", frames=40, starts=True)
            ticket = await under_way(service, file)
            child = service.pool.slots[0].pid
            assert child
            os.kill(child, signal.SIGKILL)
            assert (await right_once(service, ticket.job, file, 40)).attempts == 2
            assert service.pool.slots[0].pid != child

    asyncio.run(story())


def test_the_worker_is_killed(place: Place, tmp_path: Path) -> None:
    async def story() -> None:
        async with place.service(0) as service:
            worker = place.process("worker")
            file = clip(tmp_path / "a", frames=50, encodes=True)
            ticket = await under_way(service, file)
            worker.kill()
            worker.wait()
            await until(lambda: place.left_running() == [])
            place.process("worker")
            assert (await right_once(service, ticket.job, file, 50)).attempts == 2

    asyncio.run(story())


def test_the_web_process_is_killed(place: Place, tmp_path: Path) -> None:
    async def story() -> None:
        async with place.service(0) as service:
            web = place.process("web", slots=0 if place.server else 1)
            if place.server:
                place.process("worker")
            file = clip(tmp_path / "a", frames=50)
            ticket = await under_way(service, file)
            web.kill()
            web.wait()
            place.process("web", slots=0 if place.server else 1)
            assert (await right_once(service, ticket.job, file, 50)).attempts == (1 if place.server else 2)

    asyncio.run(story())


@pytest.mark.redis
def test_redis_is_killed(tmp_path: Path) -> None:
    place = Place(tmp_path, RedisServer(tmp_path / "redis"))
    assert place.server

    async def story() -> None:
        async with place.service(0) as service:
            place.process("worker")
            file, later = clip(tmp_path / "a", frames=80), clip(tmp_path / "b", frames=80)
            ticket = await under_way(service, file)
            waiting = await submit(service, later)
            assert place.server is not None
            place.server.kill()
            await asyncio.sleep(1)
            place.server.start()
            assert (await right_once(service, ticket.job, file, 80)).attempts == 1
            await right_once(service, waiting.job, later, 80)

    try:
        asyncio.run(story())
    finally:
        place.end()
        place.server.kill()
    place.is_left_clean()


def test_a_zombie_cannot_overwrite(place: Place, tmp_path: Path) -> None:
    async def story() -> None:
        async with place.service(0) as service:
            worker = place.process("worker")
            file = clip(tmp_path / "a", frames=50)
            ticket = await under_way(service, file)
            worker.send_signal(signal.SIGSTOP)
            first = service.job(ticket.job)
            place.process("worker")
            await until(lambda: service.job(ticket.job).lease != first.lease)
            worker.send_signal(signal.SIGCONT)
            kept = await right_once(service, ticket.job, file, 50)
            assert kept.lease != first.lease
            assert service.jobs.change(ticket.job, set(State), lease=first.lease, error="late") is None
            await asyncio.sleep(0.5)  # time for the zombie to do harm
            assert service.job(ticket.job) == kept

    asyncio.run(story())


def test_poison_is_dead_lettered_and_the_worker_lives(place: Place, tmp_path: Path, quick_retries: None) -> None:
    async def story() -> None:
        async with place.service(1) as service:
            poison = clip(tmp_path / "poison", fault="die", tally=str(tmp_path / "tally"), starts=True)
            ticket = await submit(service, poison)
            good = await submit(service, clip(tmp_path / "good"))
            job = await ended(service, ticket.job)
            assert (job.state, job.attempts) == (State.FAILED, 3)
            assert "crashed" in (job.error or "")
            assert "3 times" in (job.error or "")
            assert (tmp_path / "tally").read_text() == "xxx"
            assert (await ended(service, good.job)).state is State.DONE

    asyncio.run(story())


@pytest.mark.parametrize(
    ("fault", "times", "state", "attempts"),
    [
        ("io", 2, State.DONE, 3),
        ("io", 9, State.FAILED, 3),
        ("refuse", 9, State.FAILED, 1),
        ("break", 9, State.FAILED, 1),
        ("hang", 1, State.DONE, 2),
        ("flood", 9, State.FAILED, 3),
    ],
)
def test_what_is_tried_again(
    place: Place, tmp_path: Path, quick_retries: None, fault: str, times: int, state: State, attempts: int
) -> None:
    async def story() -> None:
        bounds = Bounds(stall=2.0, file_bytes=32 << 20)
        async with place.service(1, bounds=bounds) as service:
            ticket = await submit(
                service, clip(tmp_path / "a", fault=fault, times=times, tally=str(tmp_path / "tally"))
            )
            job = await ended(service, ticket.job)
            assert (job.state, job.attempts) == (state, attempts)
            if fault == "refuse":
                assert job.error == "This is not a clip."

    asyncio.run(story())


def test_too_long_a_job_is_ended(place: Place, tmp_path: Path, quick_retries: None) -> None:
    async def story() -> None:
        async with place.service(1, bounds=Bounds(wall=0.5)) as service:
            ticket = await submit(service, clip(tmp_path / "a", frames=1000))
            job = await ended(service, ticket.job)
            assert job.state is State.FAILED
            assert "longer" in (job.error or "")

    asyncio.run(story())


@pytest.mark.parametrize(("clocks", "attempts"), [("worker", 0), ("all", 1)], ids=["just begun", "more than half"])
def test_a_worker_hands_over_when_its_time_is_over(tmp_path: Path, clocks: str, attempts: int) -> None:
    """An attempt counts where it had more than half of the worker's time."""
    place = Place(tmp_path)

    async def story() -> None:
        async with place.service(0) as service:
            worker = place.process("worker", max_age=10_000, clocks=clocks)
            long = await under_way(service, clip(tmp_path / "long", frames=100_000))
            worker.send_signal(signal.SIGUSR1)  # its time is over
            assert await asyncio.to_thread(worker.wait) == 0
            job = service.job(long.job)
            assert (job.state, job.attempts) == (State.QUEUED, attempts)

    try:
        asyncio.run(story())
    finally:
        place.end()
    place.is_left_clean()


@pytest.mark.parametrize("ends", [True, False], ids=["finishes", "hands back"])
def test_sigterm_finishes_or_hands_back(place: Place, tmp_path: Path, ends: bool) -> None:
    async def story() -> None:
        async with place.service(0) as service:
            worker = place.process("worker", within=600 if ends else 0)
            ticket = await under_way(service, clip(tmp_path / "a", frames=25 if ends else 100_000))
            waiting = await submit(service, clip(tmp_path / "b"))
            worker.terminate()
            assert await asyncio.to_thread(worker.wait) == 0
            job = service.job(ticket.job)
            assert (job.state, job.attempts) == ((State.DONE, 1) if ends else (State.QUEUED, 0))
            if not ends:  # else it may have been claimed before the signal came
                assert service.job(waiting.job).attempts == 0

    asyncio.run(story())
