"""Where jobs are tested: on one machine, and over a real Redis; with processes that can be killed."""

import asyncio
import math
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import RedisError

from vimix.jobs.model import Job
from vimix.jobs.service import JobService, open_service
from vimix.options import Options
from vimix.settings import Settings

ROOT = Path(__file__).parents[2]
WORK = "tests.jobs.counting_work:run"
STALE = 1.5
WITHIN = 120.0
"""Seconds after which what a test waits for does not come any more: no measure of anything, on a busy machine."""


class RedisServer:
    """A real one, on a port of its own, with its append-only file in `folder`."""

    def __init__(self, folder: Path) -> None:
        if shutil.which("redis-server") is None:
            pytest.skip("redis-server is not installed")
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    def start(self) -> None:
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        command += ["--appendonly", "yes", "--dir", str(self.folder)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        with Redis.from_url(self.url) as client:
            for _ in range(200):
                with suppress(RedisError):
                    client.ping()
                    return
                time.sleep(0.02)
        raise AssertionError("redis-server does not answer")

    def flush(self) -> None:
        with Redis.from_url(self.url) as client:
            client.flushall()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@dataclass
class Place:
    """One deployment: its settings, and the processes that were started in it."""

    folder: Path
    server: RedisServer | None = None
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def settings(self) -> Settings:
        url = self.server.url if self.server else ""
        return Settings(data_dir=self.folder / "data", redis_url=url, **self.more)

    @asynccontextmanager
    async def service(self, workers: int = 0, **more: Any) -> AsyncIterator[JobService]:
        service = open_service(self.settings, workers=workers, work=WORK, stale=STALE, **more)
        await service.start()
        try:
            yield service
        finally:
            await service.stop(within=0)

    def process(
        self, kind: str, *, slots: int = 1, within: float = 0.5, max_age: float = math.inf, clocks: str = "worker"
    ) -> subprocess.Popen[bytes]:
        """A `worker`, or a `web` process with so many slots; ready when this returns."""
        environment = {
            **os.environ,
            "VIMIX_DATA_DIR": str(self.settings.data_dir),
            "REDIS_URL": self.server.url if self.server else "",
            "S3_SECRET_KEY": "",
            "VIMIX_WORKERS": str(slots),
        }
        command = [sys.executable, "-m", "tests.jobs.process", kind, str(within), str(max_age), clocks]
        process = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE)
        self.processes.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        return process

    def left_running(self) -> list[str]:
        """Children of our processes, and whatever was started in a job's folder, where the system tells (Linux)."""
        ours = {str(process.pid) for process in self.processes} | {str(os.getpid())}
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
                child = (
                    "vimix.jobs.worker.child_main" in words
                    and words[words.index("vimix.jobs.worker.child_main") + 1] in ours
                )
                if child or os.readlink(entry / "cwd").startswith(str(self.folder / "data")):
                    found.append(" ".join(words))
        return found

    def is_left_clean(self) -> None:
        """Nothing runs; the kernel is given a moment to bury the children of the killed."""
        for _ in range(150):
            if not self.left_running():
                return
            time.sleep(0.02)
        assert self.left_running() == []

    def end(self) -> None:
        for process in self.processes:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait()
            if process.stdout:
                process.stdout.close()


async def ended(service: JobService, job: str, within: float = WITHIN) -> Job:
    async with asyncio.timeout(within):
        async for _ in service.watch(job):
            pass
    return service.job(job)


async def until(true: Callable[[], Any], within: float = WITHIN) -> None:
    async with asyncio.timeout(within):
        while not await asyncio.to_thread(true):
            await asyncio.sleep(0.02)


async def submit(service: JobService, clip: Path, *, visitor: str = "anyone", **options: Any) -> Any:
    return await asyncio.to_thread(service.submit, clip, clip.name, Options.parse(options), visitor=visitor)
