"""The lender of GPU slices on a ZeroGPU Space, in the web process.

ZeroGPU lends a GPU to a call of a function that `spaces.GPU` decorates, in a process forked from the web process, for a
limited time. Jobs run in child processes that outlive any call; so the decorated call runs nothing but the network: it
connects to the job's process and answers its pictures (`vimix.matting.networks.lent`). Chosen by `SPACES_ZERO_GPU`,
which such a Space sets; nothing of this is loaded elsewhere.
"""

import importlib
import logging
import os
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection, Listener
from pathlib import Path
from typing import Any

from vimix.errors import Unavailable
from vimix.matting.networks import lent
from vimix.matting.networks.network import LENT
from vimix.settings import Settings

SLICE = 60
"""Seconds that are asked for: what visitors without an account may have at once."""
MARGIN = 8
"""Seconds of them that are left for the fork, for opening the network and for the last picture."""
_log = logging.getLogger(__name__)
_device = ""
_segments: dict[tuple[str, int], tuple[Any, str]] = {}
"""In the process that has the GPU, which serves several slices if it is kept."""


def wanted() -> bool:
    """Whether this is a ZeroGPU Space."""
    return os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")


def device(settings: Settings) -> str:
    """The device that jobs are given: what the settings say, or the lender's, once it is open."""
    return _device if _device and settings.device != "cpu" else settings.device


def open_lender() -> str:
    """Lend from now on, and for as long as the process lives; the device's name. Before Gradio's `launch`, at which
    `spaces` counts the functions it has decorated. Raises `Unavailable` where `spaces` is not installed."""
    global _device
    try:
        spaces: Any = importlib.import_module("spaces")
    except ImportError as error:
        raise Unavailable("This is a ZeroGPU Space without the package `spaces`.", cause=str(error)) from error
    run: Callable[..., int] = spaces.GPU(duration=SLICE)(on_gpu)
    folder = tempfile.mkdtemp(prefix="vimix-gpu-")  # for this user only; short, as a socket's name must be
    listener = Listener(os.path.join(folder, lent.LENDER), backlog=16)
    threading.Thread(target=_serve, args=(listener, run), name="vimix-lender", daemon=True).start()
    _device = f"{LENT}{folder}"
    return _device


def on_gpu(ask: lent.Ask) -> int:
    """What has the GPU while it runs."""
    from vimix.matting.networks import cuda, gpu  # the first loads of the library that needs the GPU are here

    ends = time.monotonic() + SLICE - MARGIN
    key = ask.graph, ask.size
    if key not in _segments:
        _segments[key] = gpu.open_sizes(Path(ask.graph), ask.size, ask.precision).segment, cuda.gpu()
    segment, card = _segments[key]
    return lent.answer(ask.address, ask.size, card, segment, ends - time.monotonic())


def _serve(listener: Listener, run: Callable[..., int]) -> None:
    while True:
        with suppress(OSError, EOFError):
            threading.Thread(target=_lend, args=(listener.accept(), run), name="vimix-lend", daemon=True).start()


def _lend(line: Connection, run: Callable[..., int]) -> None:
    """One slice: the job hears when it was refused, or how it ended."""
    said = "the slice is over"
    with line, suppress(OSError, EOFError):
        ask = line.recv()
        try:
            _log.info("a slice of a GPU: %s pictures", run(ask))
        except Exception as error:  # the quota is used up, the process was ended, the model cannot be run
            said = f"{type(error).__name__}: {error} {getattr(error, 'cause', '')}".strip()
            _log.info("no slice of a GPU: %s", said)
        line.send(said)
