"""Many look on, few questions are asked, and everybody sees what they would have seen alone."""

import asyncio
import os
import threading
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest

from tests.jobs.counting_work import clip
from tests.jobs.deployment import Place, submit
from vimix.errors import NotFound, StoreError
from vimix.jobs.model import Job, Snapshot, State
from vimix.jobs.watching import JobWatcher, Seen, snapshot_of
from vimix.jobs.worker.child_process import ChildProcess


def test_fifty_see_every_end_and_the_store_is_asked_once_for_all() -> None:
    asked: list[set[str]] = []
    threads = set()

    def look(jobs: Collection[str]) -> dict[str, Seen]:
        asked.append(set(jobs))
        threads.add(threading.get_ident())
        together = sum(len(jobs) == 50 for jobs in asked)
        state = (State.QUEUED, State.RUNNING, State.RUNNING, State.DONE)[together]
        return {job: Snapshot(job, state, done=together) for job in jobs}

    async def story() -> list[list[State]]:
        watcher = JobWatcher(look)

        async def see(job: str) -> list[State]:
            return [snapshot.state async for snapshot in watcher.watch(job)]

        return await asyncio.gather(*(see(f"job {number}") for number in range(50)))

    seen = asyncio.run(story())
    assert {tuple(states) for states in seen} == {("queued", "running", "running", "done")}
    assert sum(len(jobs) == 50 for jobs in asked) == 3
    assert len(asked) < 60  # each once at the beginning, and all together
    assert len(threads) == 1


def test_what_cannot_be_seen_is_told_to_whom_it_concerns() -> None:
    broken = threading.Event()

    def look(jobs: Collection[str]) -> dict[str, Seen]:
        if broken.is_set():
            raise StoreError("The list of jobs cannot be reached.")
        return {
            job: NotFound("There is no such job.") if job == "none" else Snapshot(job, State.QUEUED) for job in jobs
        }

    async def story() -> None:
        watcher = JobWatcher(look)
        with pytest.raises(NotFound):
            await anext(watcher.watch("none"))
        two = [watcher.watch(job) for job in ("a", "b")]
        assert [(await anext(view)).job for view in two] == ["a", "b"]
        broken.set()
        for view in two:
            with pytest.raises(StoreError):
                await anext(view)
        broken.clear()
        again = watcher.watch("a")
        await anext(again)
        watcher.close()
        with pytest.raises(StoreError, match="restarting"):
            await anext(again)

    asyncio.run(story())


def test_jobs_are_seen_together_as_each_by_itself(place: Place, tmp_path: Path) -> None:
    async def story() -> None:
        async with place.service() as service:
            names = "abcdef"
            jobs = [(await submit(service, clip(tmp_path / name, name=name), visitor=name)).job for name in names]
            running = service.jobs.claim("somebody", now=1e10, per_visitor=2)
            assert running
            service.jobs.change(running.id, {State.RUNNING}, progress={"done": 3, "total": 9, "preview": 2})
            twin = (await submit(service, clip(tmp_path / "a", name="a"), visitor="other")).job
            service.jobs.change(jobs[-1], {State.QUEUED}, state=State.FAILED, error="It broke.")
            watched = [*jobs, twin, "0" * 32]
            together = service.snapshots(watched)
            assert isinstance(together.pop("0" * 32), NotFound)
            assert together == {job: service.snapshot(job) for job in watched[:-1]}
            snapshot = together[twin]
            assert isinstance(snapshot, Snapshot)
            assert (snapshot.state, snapshot.done, snapshot.queue_position) == (State.QUEUED, 3, 5)

    asyncio.run(story())


def test_those_who_work_give_way_to_those_who_answer() -> None:
    async def story() -> None:
        slot = ChildProcess("tests.jobs.counting_work:run")
        await slot.warm()
        assert slot.pid
        assert os.getpriority(os.PRIO_PROCESS, slot.pid) >= min(19, os.getpriority(os.PRIO_PROCESS, 0) + 10)
        await slot.kill()

    asyncio.run(story())


def test_a_job_that_was_answered_from_the_store_says_its_frames() -> None:
    about: dict[str, Any] = dict.fromkeys(
        ("token_hash", "input_key", "input_name", "work_key", "matte_key", "visitor"), ""
    )
    job = Job(id="1", options={}, created=1.0, updated=1.0, state=State.DONE, card={"output": {"frames": 48}}, **about)
    shown = snapshot_of(job, None, None, None)
    assert (shown.done, shown.total) == (48, 48)
