"""Progress events of a running job in a child, and its preview picture."""

import io
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from vimix.events import Note, Progress
from vimix.frame import Frame
from vimix.jobs.progress import JobProgress

REPORT_SECONDS = 0.2
"""As often as the job store is written; see `runner.HEARTBEAT_SECONDS`."""
PREVIEW_EVERY = 0.25
"""Seconds between preview pictures: encoding one takes time from the work."""
PREVIEW_BYTES = 30_000
"""Of a preview picture: four a second are 1 Mbit/s to every page that watches."""
PREVIEW_SIZE = (480, 480)
"""Pixels across a preview picture, at most: larger ones would need a low quality to stay within `PREVIEW_BYTES`."""
_PACE_SPAN = 60.0
"""Seconds over which frames a second are taken: the wait for the first ones counts as long as it can be remembered,
because those come together, and much faster than the rest."""


READ_SHARE = 0.3
"""Of the work, the share that is done once a frame is read: tracking looks at up to a hundred frames before the first
is done. Measured with three clips of 5 s, where the time left is then at most 2.1 times too long or too short from the
second second on; with 0 it is 20 times too long at first, with 0.5 four times too short."""
ESTIMATE_AFTER = 1.0
"""Seconds after the first event until the time left is told."""


class ProgressReporter:
    """Sends progress of one job at most every `REPORT_SECONDS`, and writes its newest frame as `preview.webp`."""

    def __init__(self, send: Callable[..., None], folder: Path) -> None:
        self._send, self._folder = send, folder
        self._reported = self._shown = float("-inf")
        self._version = 0
        self._past: deque[tuple[float, int]] = deque()
        self._began = self._share = 0.0

    def note(self, note: Note) -> None:
        """Send a sentence; of its repetitions with other fractions, one every `REPORT_SECONDS`."""
        now = time.monotonic()
        if note.fraction in (None, 1.0) or now - self._reported >= REPORT_SECONDS:
            self._reported = now
            self._send("note", text=note.text + (f" {note.fraction:.0%}" if note.fraction else ""))

    def progress(self, progress: Progress) -> None:
        """A frame is done."""
        now = time.monotonic()
        if self._past and progress.done <= self._past[-1][1]:
            self._past.clear()  # it is gone through once more: to encode what was found, or to fit
        if not self._past:
            self._began, self._share = now, _share(progress)
        self._past.append((now, progress.done))
        while now - self._past[0][0] > _PACE_SPAN:
            self._past.popleft()
        if now - self._shown >= PREVIEW_EVERY and progress.step == "cut":
            self._show(progress.frame)
            self._shown = time.monotonic()
        if now - self._reported < REPORT_SECONDS and progress.done != progress.total:
            return
        self._reported = now
        (then, before), span = self._past[0], max(now - self._past[0][0], 1e-3)
        fps = (progress.done - before) / span if now > then else 0.0
        left = _seconds_left(_share(progress) - self._share, 1 - _share(progress), now - self._began)
        now_known = JobProgress(
            done=progress.done,
            total=progress.total,
            fps=round(fps, 2) or None,
            left=None if left is None else round(max(left, 0.0), 1),
            step=progress.step,
            preview=self._version,
        )
        self._send("progress", **now_known.as_json())

    def _show(self, frame: Frame) -> None:
        """Write the frame where the page may fetch it; renamed into place, so it is never read half."""
        height, width = frame.alpha.shape
        step = max(1, min(width // PREVIEW_SIZE[0], height // PREVIEW_SIZE[1]))
        picture = Image.fromarray(frame.rgb[::step, ::step]).convert("RGBA")
        picture.putalpha(Image.fromarray(frame.alpha[::step, ::step].copy()))
        picture.thumbnail(PREVIEW_SIZE)
        for quality in (60, 30, 5):
            file = io.BytesIO()
            picture.save(file, "WEBP", quality=quality, alpha_quality=50, method=0)
            if file.tell() <= PREVIEW_BYTES:
                beside = self._folder / "preview.unfinished"
                beside.write_bytes(file.getvalue())
                beside.replace(self._folder / "preview.webp")
                self._version += 1
                return


def _share(progress: Progress) -> float:
    """0-1: how much of the work is done; 0 where the number of frames is not known."""
    if not progress.total:
        return 0.0
    read = max(progress.read, progress.done)
    return min(1.0, (READ_SHARE * read + (1 - READ_SHARE) * progress.done) / progress.total)


def _seconds_left(done: float, left: float, elapsed: float) -> float | None:
    """Seconds that `left` of the work takes, where `done` of it took `elapsed` seconds; None while nobody can tell."""
    return elapsed * left / done if done > 0 and elapsed >= ESTIMATE_AFTER else None
