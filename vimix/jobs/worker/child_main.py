"""The warm process that does the work: one job after the other, JSON lines in and out.

It holds no secret, writes in its job's folder only (and, fetching weights, in the models' folder), and dies with the
process that started it. `python -m vimix.jobs.worker.child_main PARENT MODULE:FUNCTION RESOURCES` runs any generator
with the signature of `vimix.pipeline.run.run`, less the resources: by it tests put light work in place of the real.

In: `{"job", "folder", "clip", "out", "matte", "options", "file_bytes", "descriptors"}`, then perhaps
`{"cancel": true}`. Out: `{"ev": "ready" | "note" | "progress" | "done" | "error", …}`; the last two end a job.
"""

import ctypes
import importlib
import io
import json
import os
import queue
import resource
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Generator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, TextIO

from PIL import Image

from vimix.concurrency.processes import processes
from vimix.errors import VimixError
from vimix.events import Done, FinishEarly, Note, Progress
from vimix.frame import Frame
from vimix.options import Options

TELL_EVERY = 0.2
PREVIEW_EVERY = 0.25
PREVIEW_BYTES = 30_000
PREVIEW_SIZE = (480, 480)
Run = Generator[Note | Progress | Done, None, None]
Work = Callable[..., Run]
_PACE_SPAN = 60.0
"""Seconds over which frames a second are taken: the wait for the first ones counts as long as it can be remembered,
because those come together, and much faster than the rest."""


class ProgressReporter:
    """Says how one job goes, at most every `TELL_EVERY` seconds, and shows its newest frame."""

    def __init__(self, tell: Callable[..., None], folder: Path) -> None:
        self._tell, self._folder = tell, folder
        self._told = self._shown = float("-inf")
        self._version = 0
        self._past: deque[tuple[float, int]] = deque()

    def note(self, note: Note) -> None:
        """A sentence; its repetitions, with another fraction, are thinned out."""
        now = time.monotonic()
        if note.fraction in (None, 1.0) or now - self._told >= TELL_EVERY:
            self._told = now
            self._tell("note", text=note.text + (f" {note.fraction:.0%}" if note.fraction else ""))

    def progress(self, progress: Progress) -> None:
        """A frame."""
        now = time.monotonic()
        if self._past and progress.done <= self._past[-1][1]:
            self._past.clear()  # it is gone through once more: to encode what was found, or to fit
        self._past.append((now, progress.done))
        while now - self._past[0][0] > _PACE_SPAN:
            self._past.popleft()
        if now - self._shown >= PREVIEW_EVERY and progress.step == "cut":
            self._show(progress.frame)
            self._shown = time.monotonic()
        if now - self._told < TELL_EVERY and progress.done != progress.total:
            return
        self._told = now
        (then, before), span = self._past[0], max(now - self._past[0][0], 1e-3)
        fps = (progress.done - before) / span if now > then else 0.0
        left = (progress.total - progress.done) / fps if progress.total and fps > 0 else None
        self._tell(
            "progress",
            done=progress.done,
            total=progress.total,
            fps=round(fps, 2) or None,
            left=None if left is None else round(max(left, 0.0), 1),
            step=progress.step,
            preview=self._version,
        )

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


def do(spec: dict[str, Any], work: Work, stop: threading.Event, tell: Callable[..., None]) -> None:
    """One job, from its spec to the event that ends it."""
    folder = Path(spec["folder"])
    teller = ProgressReporter(tell, folder)
    try:
        _confine(folder, file_bytes=spec["file_bytes"], descriptors=spec["descriptors"])
        matte = Path(spec["matte"]) if spec["matte"] else None
        options = Options.parse(spec["options"])
        run = work(Path(spec["clip"]), Path(spec["out"]), options, matte=matte)
        with closing(run):
            for event in _until(run, stop):
                match event:
                    case Progress():
                        teller.progress(event)
                    case Note():
                        teller.note(event)
                    case Done():
                        tell("done", path=str(event.path), card=event.card)
    except FinishEarly:
        tell("error", public="Cancelled before the first frame.", cause="", retryable=False)
    except VimixError as error:
        tell("error", public=error.public, cause=error.cause, retryable=error.retryable)
    except OSError as error:
        tell("error", public="A file could not be read or written.", cause=repr(error), retryable=True)
    except Exception as error:
        cause = "".join(traceback.format_exception(error)[-3:])[-2000:]
        tell("error", public="Something broke while this clip was worked on.", cause=cause, retryable=False)


def _until(run: Run, stop: threading.Event) -> Run:
    """The events of `run`; once `stop` is set it is asked, a single time, to finish early."""
    try:
        while not stop.is_set():
            yield next(run)
        yield run.throw(FinishEarly())
        while True:
            yield next(run)
    except StopIteration:
        return


def _at_work(work: Work, given: dict[str, Any]) -> Work:
    """The real work, in a workshop whose default engine is made ready while no job is here yet."""
    from vimix.matting.registry import warm_up
    from vimix.media.limits import Limits
    from vimix.pipeline.request import Resources  # here, because tests run other work and need not load this

    values = {**given, "model_dir": Path(given["model_dir"]), "mirrors": tuple(given["mirrors"])}
    resources = Resources(**{**values, "limits": Limits(**given["limits"])})
    threading.Thread(
        target=warm_up, args=(resources.model_dir, resources.device), name="vimix-warm", daemon=True
    ).start()
    return lambda clip, out, options, *, matte: work(clip, out, options, resources, matte=matte)


def serve(work: Work, told: TextIO) -> None:
    """Jobs from stdin until it ends."""
    lock = threading.Lock()

    def tell(event: str, **values: Any) -> None:
        with lock:
            told.write(json.dumps({"ev": event, **values}) + "\n")
            told.flush()

    jobs: queue.SimpleQueue[tuple[dict[str, Any], threading.Event]] = queue.SimpleQueue()

    def listen() -> None:
        stop = threading.Event()
        for line in sys.stdin:
            message = json.loads(line)
            if message.get("cancel"):
                stop.set()
            else:
                stop = threading.Event()
                jobs.put((message, stop))
        os.killpg(0, signal.SIGKILL)  # the parent is gone or wants no more: everything started here ends too

    threading.Thread(target=listen, daemon=True).start()
    tell("ready", pid=os.getpid())
    while True:
        spec, stop = jobs.get()
        do(spec, work, stop, tell)


def _confine(folder: Path, *, file_bytes: int, descriptors: int) -> None:
    scratch = folder / "tmp"
    scratch.mkdir(exist_ok=True)
    os.environ["TMPDIR"] = tempfile.tempdir = str(scratch)
    os.chdir(folder)
    for kind, wanted in ((resource.RLIMIT_FSIZE, file_bytes), (resource.RLIMIT_NOFILE, descriptors)):
        _, hard = resource.getrlimit(kind)
        resource.setrlimit(kind, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))


def set_parent_death_signal(parent: int) -> None:
    """Have the kernel kill this process when its parent dies (Linux; elsewhere the end of stdin does it)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def lower_priority() -> None:
    """Have whoever serves pages go first: an answer takes milliseconds, a clip minutes."""
    os.nice(10)
    with suppress(OSError):  # where each session is scheduled as one, niceness within it says nothing
        Path("/proc/self/autogroup").write_text("10")


def main() -> None:
    """Take stdout for the protocol alone: what a library prints goes to stderr."""
    parent, name, resources = int(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])
    set_parent_death_signal(parent)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    lower_priority()
    told = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    module, _, function = name.partition(":")
    run = getattr(importlib.import_module(module), function)
    real = module.startswith("vimix.")
    with processes(resources["threads"] if real else 0):
        serve(_at_work(run, resources) if real else run, told)


if __name__ == "__main__":
    main()
