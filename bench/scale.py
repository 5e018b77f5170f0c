"""How jobs scale and whether anything leaks. The work is light (it waits), so that the figures are of the jobs alone.

    python -m bench.scale [--soak 60] [--jobs 10]

A second worker against one, over the same list of jobs; submissions a second; what one slot adds to a job; and a soak
at full load with cancels, dying children and deletes, after which processes, files and descriptors are counted again.
"""

import argparse
import asyncio
import json
import os
import shutil
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from tests.jobs.counting_work import clip
from tests.jobs.deployment import Place, RedisServer, submit, until
from vimix.jobs.model import ENDED, State
from vimix.jobs.service import JobService
from vimix.jobs.worker import recovery

Figures = dict[str, Any]


async def finish(service: JobService, jobs: list[str]) -> None:
    await until(lambda: all(service.job(job).state in ENDED for job in jobs), within=120)


async def throughput(place: Place, jobs: int, each: float = 1.0) -> Figures:
    """Seconds for the same number of jobs with one worker of one slot, and with two."""
    seconds = []
    async with place.service(0) as service:
        for workers in (1, 2):
            place.process("worker")
            await until(partial(has_slots, service, workers))
            await finish(service, [(await submit(service, clip(place.folder / "w", n=workers), visitor="warm")).job])
            began = time.monotonic()
            made = [
                await submit(
                    service, clip(place.folder / f"j{workers}-{n}", each=each / 5, n=n, w=workers), visitor=str(n)
                )
                for n in range(jobs)
            ]
            await finish(service, [ticket.job for ticket in made])
            seconds.append(time.monotonic() - began)
    return {"jobs": jobs, "one_worker_s": seconds[0], "two_workers_s": seconds[1], "ratio": seconds[0] / seconds[1]}


async def overhead(place: Place, jobs: int = 20) -> Figures:
    """What submitting costs, and what a slot adds to a job that takes no time itself."""
    async with place.service(1) as service:
        clips = [clip(place.folder / f"o{n}", frames=1, each=0, n=n) for n in range(jobs + 1)]
        await finish(service, [(await submit(service, clips.pop())).job])
        began = time.monotonic()
        made = [await submit(service, one) for one in clips]
        submitted = time.monotonic()
        await finish(service, [ticket.job for ticket in made])
        ended = time.monotonic()
    return {"submit_ms": (submitted - began) / jobs * 1e3, "job_ms": (ended - began) / jobs * 1e3}


def has_slots(service: JobService, many: int) -> bool:
    return service.counts().slots == many


def has_started(service: JobService, job: str) -> bool:
    return service.snapshot(job).state is not State.QUEUED


def standing(place: Place) -> dict[str, int]:
    """What could grow."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return {
        "processes": len(place.left_running()),
        "descriptors": len(os.listdir("/proc/self/fd")),
        "child_descriptors": sum(_descriptors(int(words)) for words in _children()),
        "files": sum(path.is_file() for path in (place.settings.data_dir).rglob("*")),
        "threads": len(os.listdir("/proc/self/task")),
        "memory_mb": pages * 4 // 1024,
    }


def _children() -> list[str]:
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()


def _descriptors(process: int) -> int:
    with suppress(OSError):
        if "vimix.jobs.worker.child_main" in Path(f"/proc/{process}/cmdline").read_text():
            return len(os.listdir(f"/proc/{process}/fd"))
    return 0


LEAST_JOBS = 8
"""Jobs of each visitor in a soak, however slow the machine is: one is cancelled and one loses its child."""


async def soak(place: Place, seconds: float) -> Figures:
    """Full load for so long; every fifth job is cancelled, every seventh kills its child, all are deleted."""
    recovery.BACK_OFF = 0.05
    tally = {"done": 0, "cancelled": 0, "failed": 0}
    async with place.service(2) as service:

        async def visitor(name: str, until_time: float) -> None:
            number = 0
            while time.monotonic() < until_time or number < LEAST_JOBS:
                number += 1
                fault = {"fault": "die", "times": 1, "tally": f"{place.folder}/t-{name}"} if number % 7 == 3 else {}
                file = clip(place.folder / f"s-{name}", each=0.01, who=name, n=number, starts=True, **fault)
                ticket = await submit(service, file, visitor=name)
                if number % 5 == 0:
                    await until(partial(has_started, service, ticket.job), within=60)
                    service.cancel(ticket.job, ticket.token)
                async for snapshot in service.watch(ticket.job):
                    state = snapshot.state
                tally[state] += 1
                await asyncio.to_thread(service.delete, ticket.job, ticket.token)
                Path(f"{place.folder}/t-{name}").unlink(missing_ok=True)

        async def load(span: float) -> None:
            end = time.monotonic() + span
            await asyncio.gather(*(visitor(f"v{n}", end) for n in range(4)))
            await until(lambda: service.pool.idle == 2 and not service.pool._clearing)
            for slot in service.pool.slots:
                await slot.kill()  # with what the last jobs started
                await slot.warm()

        await load(min(3.0, seconds / 3))
        before = standing(place)
        await load(seconds)
        after = standing(place)
    return {"seconds": seconds, **tally, "before": before, "after": after}


async def measure(place: Place, asked: argparse.Namespace) -> Figures:
    parts: list[Callable[[], Awaitable[Figures]]] = [
        lambda: overhead(place),
        lambda: throughput(place, asked.jobs),
        lambda: soak(place, asked.soak),
    ]
    found: Figures = {}
    for part in parts:
        found |= await part()
        place.end()
        place.processes.clear()
        if place.server:
            place.server.flush()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--soak", type=float, default=60, metavar="SECONDS")
    parser.add_argument("--jobs", type=int, default=10)
    parser.add_argument("--out", type=Path, default=Path("out/bench/scale.json"))
    asked = parser.parse_args()
    everything = {}
    for home in ("embedded", "redis"):
        if home == "redis" and shutil.which("redis-server") is None:
            print("redis-server is not installed: only one machine is measured")
            continue
        with tempfile.TemporaryDirectory() as folder:
            server = RedisServer(Path(folder) / "redis") if home == "redis" else None
            found = asyncio.run(measure(Place(Path(folder), server), asked))
            if server:
                server.kill()
        everything[home] = found
        print(f"\n{home}")
        for name, value in found.items():
            print(f"  {name:18} {value:.2f}" if isinstance(value, float) else f"  {name:18} {value}")
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    asked.out.write_text(json.dumps(everything, indent=2))


if __name__ == "__main__":
    main()
