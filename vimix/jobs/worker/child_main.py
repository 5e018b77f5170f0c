"""The warm process that does the work: one job after the other, JSON lines in and out.

It holds no secret, writes in its job's folder only (and, fetching weights, in the models' folder), and dies with the
process that started it. `python -m vimix.jobs.worker.child_main PARENT MODULE:FUNCTION RESOURCES` runs any generator
with the signature of `vimix.pipeline.run.run`, less the resources: by it tests put light work in place of the real.

In: `{"job", "folder", "clip", "out", "matte", "options", "file_bytes", "descriptors", "address_space"}`, then perhaps
`{"cancel": true}`; or `{"kind", "arguments", "folder", …}` for a small answer about a file (`pipeline/preview.py`),
which comes as `"answer"` of `done`. Out: `{"ev": "ready" | "note" | "progress" | "done" | "error", …}`; the last two
end a job.
"""

import ctypes
import importlib
import json
import os
import queue
import resource
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Generator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, TextIO

from vimix.concurrency.processes import processes
from vimix.errors import VimixError
from vimix.events import Done, FinishEarly, Note, Progress
from vimix.jobs.worker.progress import ProgressReporter
from vimix.options import Options

Run = Generator[Note | Progress | Done, None, None]
Work = Callable[..., Run]
Answer = Callable[[str, dict[str, Any]], dict[str, Any]]
"""Answers a request of a kind, with its arguments."""


def do(spec: dict[str, Any], work: Work, answer: Answer, stop: threading.Event, send: Callable[..., None]) -> None:
    """One job, from its spec to the event that ends it."""
    folder = Path(spec["folder"])
    reporter = ProgressReporter(send, folder)
    try:
        _confine(folder, spec)
        if kind := spec.get("kind"):
            send("done", answer=answer(kind, spec["arguments"]))
            return
        matte = Path(spec["matte"]) if spec["matte"] else None
        options = Options.parse(spec["options"])
        run = work(Path(spec["clip"]), Path(spec["out"]), options, matte=matte)
        with closing(run):
            for event in _until(run, stop):
                match event:
                    case Progress():
                        reporter.progress(event)
                    case Note():
                        reporter.note(event)
                    case Done():
                        send("done", path=str(event.path), card=event.card)
    except FinishEarly:
        send("error", public="Cancelled before the first frame.", cause="", retryable=False)
    except VimixError as error:
        send("error", public=error.public, cause=error.cause, retryable=error.retryable, status=error.status)
    except MemoryError:
        send("error", public="This file needs more memory than is available.", cause="", retryable=False, status=422)
    except OSError as error:
        send("error", public="A file could not be read or written.", cause=repr(error), retryable=True)
    except Exception as error:
        cause = "".join(traceback.format_exception(error)[-3:])[-2000:]
        send("error", public="Something went wrong while this clip was being processed.", cause=cause, retryable=False)


def _until(run: Run, stop: threading.Event) -> Run:
    """The events of `run` up to `Done`; once `stop` is set it is asked, a single time, to finish early.

    Nothing follows `Done`: a second end of this job would be taken for the end of the next.
    """
    asked = False
    try:
        while True:
            if stop.is_set() and not asked:
                asked = True
                event = run.throw(FinishEarly())
            else:
                event = next(run)
            yield event
            if isinstance(event, Done):
                return
    except StopIteration:
        return


def _real_work(work: Work, given: dict[str, Any]) -> tuple[Work, Answer]:
    """The real work and the small answers, with a default engine that is prepared while no job is here yet."""
    from vimix.matting.registry import warm_up
    from vimix.media.limits import Limits
    from vimix.pipeline.preview import ANSWERS
    from vimix.pipeline.request import Resources  # here, because tests run other work and need not load this

    warm = given.pop("warm", True)
    values = {**given, "model_dir": Path(given["model_dir"]), "mirrors": tuple(given["mirrors"])}
    resources = Resources(**{**values, "limits": Limits(**given["limits"])})
    if warm:
        threading.Thread(
            target=warm_up,
            args=(resources.model_dir, resources.device, resources.threads),
            name="vimix-warm",
            daemon=True,
        ).start()
    return (
        lambda clip, out, options, *, matte: work(clip, out, options, resources, matte=matte),
        lambda kind, arguments: ANSWERS[kind](resources, **arguments),
    )


def serve(work: Work, answer: Answer, output: TextIO) -> None:
    """Jobs from stdin until it ends."""
    lock = threading.Lock()

    def send(event: str, **values: Any) -> None:
        with lock:
            output.write(json.dumps({"ev": event, **values}) + "\n")
            output.flush()

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
    send("ready", pid=os.getpid())
    while True:
        spec, stop = jobs.get()
        do(spec, work, answer, stop, send)


def _confine(folder: Path, spec: dict[str, Any]) -> None:
    scratch = folder / "tmp"
    scratch.mkdir(exist_ok=True)
    os.environ["TMPDIR"] = tempfile.tempdir = str(scratch)
    os.chdir(folder)
    bounds = [(resource.RLIMIT_FSIZE, spec["file_bytes"]), (resource.RLIMIT_NOFILE, spec["descriptors"])]
    if spec.get("address_space"):
        bounds.append((resource.RLIMIT_AS, spec["address_space"]))
    for kind, wanted in bounds:
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
    output = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    module, _, function = name.partition(":")
    run = getattr(importlib.import_module(module), function)
    real = module.startswith("vimix.")
    with processes(resources["threads"] if real and resources.get("warm", True) else 0):
        work, answer = _real_work(run, resources) if real else (run, _no_answer)
        serve(work, answer, output)


def _no_answer(kind: str, arguments: dict[str, Any]) -> dict[str, Any]:
    raise VimixError("This address is not available.", cause=kind)


if __name__ == "__main__":
    main()
