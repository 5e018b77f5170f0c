"""A service whose jobs are a drawn animation: every state of a job in a second, for tests of the page alone."""

import asyncio
import hashlib
import io
import secrets
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image, ImageDraw

from vimix.errors import Gone, NotFound, Refused
from vimix.jobs.model import LIVE, Counts, Job, Snapshot, State, Ticket
from vimix.options import Options
from vimix.pipeline.conversion import convert
from vimix.settings import Settings
from vimix.stores.local import LocalStore

SUFFIX = {"webm": "video/webm", "gif": "image/gif"}


def picture(step: int, size: tuple[int, int] = (320, 180)) -> Image.Image:
    """A ball that rolls from left to right on nothing."""
    image = Image.new("RGBA", size)
    place = 20 + step * 8 % 240
    ImageDraw.Draw(image).ellipse((place, 50, place + 80, 130), fill=(230, 80, 60, 255))
    return image


def film(path: Path, pictures: list[Image.Image]) -> None:
    """Write a transparent WebM that a browser plays."""
    with av.open(str(path), "w", format="webm") as file:
        stream = file.add_stream("libvpx-vp9", rate=25, options={"deadline": "realtime", "cpu-used": "8"})
        stream.width, stream.height, stream.pix_fmt = *pictures[0].size, "yuva420p"
        stream.metadata["alpha_mode"] = "1"
        for each in pictures:
            file.mux(stream.encode(av.VideoFrame.from_ndarray(np.asarray(each), "rgba")))
        file.mux(stream.encode())


class FakeService:
    """A clip's name decides its fate: `fail…` fails, `refuse…` is refused, `slow…` and `calm…` take their time."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.files = LocalStore(settings.data_dir / "store")
        self.jobs: dict[str, Job] = {}
        self.snapshots: dict[str, Snapshot] = {}
        self.previews: dict[str, bytes] = {}
        self.closing = threading.Event()
        self.threads: list[threading.Thread] = []
        self.lock = threading.Lock()

    def admit(self, check: Any) -> None:
        """No limits here."""

    async def start(self) -> None:
        """Nothing to open."""

    async def stop(self) -> None:
        self.closing.set()
        for thread in self.threads:
            await asyncio.to_thread(thread.join)

    def submit(
        self, file: Path, name: str, options: Options, *, visitor: str, background: Path | None = None
    ) -> Ticket:
        if name.startswith("refuse"):
            raise Refused("The clip is 130 s long; the limit is 120 s. Choose a shorter part (start and end).")
        ticket = self._take(name, options, visitor)
        self.files.put("in/" + "0" * 64, file, mime="video/mp4")
        thread = threading.Thread(target=self._work, args=(ticket.job, name))
        self.threads.append(thread)
        thread.start()
        return ticket

    def _take(self, name: str, options: Options, visitor: str) -> Ticket:
        token, key, now = secrets.token_hex(16), secrets.token_hex(16), time.time()
        self.jobs[key] = Job(
            key, hashlib.sha256(token.encode()).hexdigest(), options.model_dump(mode="json"), "in/" + "0" * 64, name,
            key, key, visitor, now, now,
        )  # fmt: skip
        self.snapshots[key] = Snapshot(key, State.QUEUED, queue_position=1, seconds_left=3)
        return Ticket(key, token, False)

    def _work(self, job: str, name: str) -> None:
        self.closing.wait(0.3)
        total = {"slow": 150, "calm": 60}.get(name[:4], 24)
        for step in range(1, total + 1):
            self.closing.wait(0.05)
            buffer = io.BytesIO()
            picture(step).save(buffer, "WEBP", quality=60)
            with self.lock:
                if self.jobs[job].state == State.CANCELLED or self.closing.is_set():
                    return
                self.previews[job] = buffer.getvalue()
                left = (total - step) / 18
                self.snapshots[job] = Snapshot(job, State.RUNNING, step, total, 18.0, left, None, preview_version=step)
            if name.startswith("fail") and step == 8:
                self._end(job, State.FAILED, error="The clip changes its size midway.")
                return
        self._finish(job, total)

    def _keep(self, job: str, frames: int) -> int:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "out"
            drawn = [picture(step) for step in range(frames)]
            if self.jobs[job].options["format"] == "webm":
                film(path, drawn)
                return self.files.put(f"out/{job}", path, mime="video/webm").bytes
            drawn[0].save(path, "WEBP", save_all=True, append_images=drawn[1:], duration=40, loop=0)
            return self.files.put(f"out/{job}", path, mime="image/webp").bytes

    def _end(self, job: str, state: State, **changes: Any) -> None:
        self.jobs[job] = replace(self.jobs[job], state=state, **changes)
        kept = {key: value for key, value in changes.items() if key in ("error", "card")}
        self.snapshots[job] = replace(self.snapshots[job], state=state, seconds_left=None, **kept)

    def _finish(self, job: str, frames: int) -> None:
        options = self.jobs[job].options
        size = self._keep(job, frames)
        expires = time.time() + 86400
        card = {
            "job": job,
            "input": {"seconds": frames / 25, "frames": frames, "fps": 25, "width": 320, "height": 180},
            "output": {
                "format": options["format"], "bytes": size, "seconds": frames / 25, "frames": frames,
                "width": 320, "height": 180, "alpha": True, "audio": False, "sha256": "0" * 64,
            },
            "timings": {"total": 1.5}, "flicker": {"before": 2.1, "after": 1.1}, "coverage": 0.09,
            "doubtful_frames": [{"frame": 8, "time": 0.32}, {"frame": 20, "time": 0.8}], "cached": False,
            "plays_in": ["Chrome", "Safari", "Firefox", "Discord"],
            "complies": {"telegram-sticker": "must be webm", "whatsapp-sticker": True},
            "warnings": ["The clip is HDR (HLG) and was converted to standard range."],
            "options": options, "expires": expires,
        }  # fmt: skip
        self._end(job, State.DONE, card=card, expires=expires, result_key=f"out/{job}")

    def job(self, job: str) -> Job:
        if job not in self.jobs:
            raise NotFound("There is no such clip.")
        if self.jobs[job].state == State.EXPIRED:
            raise Gone("This clip was deleted.")
        return self.jobs[job]

    def snapshot(self, job: str) -> Snapshot:
        self.job(job)
        return self.snapshots[job]

    async def watch(self, job: str) -> AsyncIterator[Snapshot]:
        while True:
            snapshot = self.snapshot(job)
            yield snapshot
            if snapshot.state not in LIVE:
                return
            await asyncio.sleep(0.2)

    def cancel(self, job: str, token: str) -> Snapshot:
        self._owned(job, token)
        if self.jobs[job].state in LIVE:
            self._keep(job, 3)
            with self.lock:
                self._end(job, State.CANCELLED, result_key=f"out/{job}", expires=time.time() + 86400)
            self.snapshots[job] = replace(self.snapshots[job], partial=True)
        return self.snapshots[job]

    def delete(self, job: str, token: str) -> None:
        self._owned(job, token)
        self._end(job, State.EXPIRED)
        self.files.delete(f"out/{job}")

    def _owned(self, job: str, token: str) -> None:
        if self.job(job).token_hash != hashlib.sha256(token.encode()).hexdigest():
            raise NotFound("There is no such clip.")

    def convert(self, job: str, asked: Mapping[str, object], *, visitor: str, background: Path | None = None) -> Ticket:
        options = convert(Options.parse(self.job(job).options), asked).options
        ticket = self._take(self.job(job).input_name, options, visitor)
        self._finish(ticket.job, 24)
        return replace(ticket, cached=True)

    def result(self, job: str) -> tuple[Job, Path | None, str | None]:
        kept = self.job(job)
        if kept.result_key is None:
            raise NotFound("There is no result yet.")
        return kept, self.files.local_path(kept.result_key), None

    def preview(self, job: str) -> bytes | None:
        return self.previews.get(job)

    def recent(self, visitor: str) -> list[Job]:
        return [job for job in self.jobs.values() if job.visitor == visitor]

    def in_use(self) -> set[str]:
        return set()

    def counts(self) -> Counts:
        states = [job.state for job in self.jobs.values()]
        return Counts(states.count(State.QUEUED), states.count(State.RUNNING), 1, 3.0, 0.0)
