"""Fifty visitors at once on one machine: each sends a clip, watches it being cut out, and takes the result.

    python -m bench.load [--visitors 50] [--workers 5] [--waves 3] [--model chroma]

Starts the page on loopback with that many jobs running at once, and prints what visitors met: requests and failures,
seconds of each kind of request, how far behind watching was, and what memory the page's process held after each wave.
"""

import argparse
import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from tests.clips import draw
from vimix.jobs.store.sqlite import SqliteJobs


class Visit:
    """One visitor, from an address of their own."""

    def __init__(self, load: "Load", number: int) -> None:
        self.load = load
        address = {"x-forwarded-for": f"198.51.{number // 250}.{number % 250 + 1}"}
        self.http = httpx.AsyncClient(base_url=load.url, headers=address, timeout=httpx.Timeout(60, read=600))

    async def run(self, name: str, content: bytes) -> None:
        """Send, watch, take."""
        async with self.http:
            sent = await self._ask("upload", "POST", "gradio_api/upload", files={"files": (name, content, "video/mp4")})
            clip = {"path": sent.json()[0], "orig_name": name, "meta": {"_type": "gradio.FileData"}}
            options = {"clip": clip, "model": self.load.model, "quality": "fast"}
            (ticket,) = [told async for told in self._call("submit", options)][-1:]
            job = ticket["job"]
            last = time.monotonic()
            async for view in self._call("watch", {"job": job}):
                now = time.monotonic()
                self.load.views += 1
                if view["state"] == "running":
                    self.load.seconds["between views"].append(now - last)
                last = now
            ended = await asyncio.to_thread(self.load.jobs.get, job)
            self.load.states[view["state"]] += 1
            if ended:
                self.load.seconds["watching is behind"].append(time.time() - ended.updated)
            whole = await self._ask("download", "GET", f"r/{job}")
            part = await self._ask("range", "GET", f"r/{job}", headers={"range": "bytes=0-99"})
            assert whole.content[:100] == part.content

    async def _ask(self, what: str, method: str, path: str, **how: Any) -> httpx.Response:
        began = time.monotonic()
        answer = await self.http.request(method, path, **how)
        self.load.seconds[what].append(time.monotonic() - began)
        self.load.answers[answer.status_code] += 1
        answer.raise_for_status()
        return answer

    async def _call(self, name: str, asked: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        began = await self._ask(name, "POST", f"gradio_api/call/v2/{name}", json=asked)
        path = f"gradio_api/call/{name}/{began.json()['event_id']}"
        kind = ""
        async with self.http.stream("GET", path) as stream:
            async for line in stream.aiter_lines():
                if line.startswith("event: "):
                    kind = line[7:]
                elif line.startswith("data: ") and kind in ("generating", "complete"):
                    if told := json.loads(line[6:]):
                        yield told[0]
                elif kind == "error" and line.startswith("data: "):
                    raise RuntimeError(f"{name}: {line[6:]}")


class Load:
    """The page under load, and what was met."""

    def __init__(self, url: str, process: int, jobs: SqliteJobs, model: str) -> None:
        self.url, self.process, self.jobs, self.model = url, process, jobs, model
        self.seconds: dict[str, list[float]] = defaultdict(list)
        self.answers: Counter[int] = Counter()
        self.states: Counter[str] = Counter()
        self.failures: list[str] = []
        self.running = self.views = 0

    async def wave(self, visitors: int, content: bytes, wave: int) -> None:
        """All visitors at once, each with a clip nobody sent before."""

        async def visit(number: int) -> None:
            try:
                await Visit(self, number).run(f"clip{number}.mp4", content + f"wave {wave} visitor {number}".encode())
            except Exception as error:
                self.failures.append(f"{type(error).__name__}: {error}"[:200])

        async def look() -> None:
            while True:
                self.running = max(self.running, (await asyncio.to_thread(self.jobs.counts, now=time.time())).running)
                await asyncio.sleep(0.5)

        looking = asyncio.create_task(look())
        await asyncio.gather(*(visit(number) for number in range(visitors)))
        looking.cancel()
        with suppress(asyncio.CancelledError):
            await looking

    def memory(self) -> float:
        """MB that the page's process holds."""
        status = Path(f"/proc/{self.process}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    def worked(self) -> float:
        """CPU-seconds that the page's process took, its children not counted."""
        fields = Path(f"/proc/{self.process}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@asynccontextmanager
async def served(folder: Path, workers: int, visitors: int, model: str) -> AsyncIterator[Load]:
    """The page in a process of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    rules = {"PORT": port, "VIMIX_DATA_DIR": folder / "data", "VIMIX_WORKERS": workers, "VIMIX_TRUSTED_PROXIES": 1}
    rules |= {"VIMIX_QUEUE_MAX": visitors + workers, "GRADIO_ANALYTICS_ENABLED": False, "HF_HUB_OFFLINE": 1}
    environment = os.environ | {name: str(value) for name, value in rules.items()}
    with (folder / "log").open("w") as log:
        page = subprocess.Popen(
            [sys.executable, "app.py"], env=environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        async with httpx.AsyncClient() as http:
            for _ in range(600):
                with suppress(httpx.TransportError):
                    if (await http.get(f"http://127.0.0.1:{port}/healthz")).is_success:
                        break
                await asyncio.sleep(0.1)
        jobs = SqliteJobs(folder / "data" / "jobs.sqlite")
        yield Load(f"http://127.0.0.1:{port}/", page.pid, jobs, model)
        jobs.close()
    finally:
        os.killpg(page.pid, signal.SIGTERM)
        try:
            page.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(page.pid, signal.SIGKILL)
        if b := (folder / "log").read_text().strip():
            print(f"\nThe page said:\n{b[-3000:]}")


async def measure(visitors: int, workers: int, waves: int, model: str) -> dict[str, Any]:
    """All waves; prints as it goes."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clip = folder / "clip.mp4"
        draw(clip, frames=24, size=(320, 180), screen=True)
        async with served(folder, workers, visitors, model) as load:
            memory, idle = [load.memory()], load.worked()
            began = time.monotonic()
            for wave in range(waves):
                await load.wave(visitors, clip.read_bytes(), wave)
                memory.append(load.memory())
                print(f"wave {wave + 1}: {time.monotonic() - began:.0f} s, {memory[-1]:.0f} MB", flush=True)
            spent, worked = time.monotonic() - began, load.worked() - idle
        print(f"\n{visitors} visitors at once, {waves} times; at most {load.running} jobs ran at once\n")
        print(f"| {'seconds of':20} | number | median |    95% |    max |")
        print(f"|{'-' * 22}|" + f"{'-' * 8}|" * 4)
        for what, seconds in load.seconds.items():
            row = sorted(seconds)
            shown = (row[len(row) // 2], row[int(len(row) * 0.95)], row[-1])
            print(f"| {what:20} | {len(row):6} | " + " | ".join(f"{value:6.3f}" for value in shown) + " |")
        print(f"\nanswers {dict(load.answers)}, jobs {dict(load.states)}, failures {len(load.failures)}")
        for failure in load.failures[:10]:
            print(f"  {failure}")
        print(f"{load.views} views told; the page's process took {worked:.1f} CPU-seconds in {spent:.1f}")
        print(f"memory of the page's process, MB: {' → '.join(f'{held:.0f}' for held in memory)}")
        return {"failures": len(load.failures), "memory": memory, "seconds": load.seconds, "running": load.running}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--visitors", type=int, default=50)
    parser.add_argument("--workers", type=int, default=5)
    parser.add_argument("--waves", type=int, default=3)
    parser.add_argument("--model", default="chroma")
    asked = parser.parse_args()
    met = asyncio.run(measure(asked.visitors, asked.workers, asked.waves, asked.model))
    return 1 if met["failures"] else 0


if __name__ == "__main__":
    sys.exit(main())
