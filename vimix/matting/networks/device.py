"""Which processor runs a light network: found by running it on both, once for a machine, all copies included.

What takes a CPU milliseconds gains little on a GPU: uploading, batching and waiting cost as much. A large network is
not tried on the CPU at all, which would take it seconds a picture, and minutes to prepare.
"""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import repeat
from pathlib import Path

import numpy as np

from vimix.concurrency.files import place
from vimix.frame import Pixels
from vimix.matting.engine import Predict
from vimix.matting.networks.cpu import machine

LIGHT = 20 << 20
"""Bytes of weights up to which a network is tried on the CPU as well: `portrait` has 0.4 MB, `u2netp` 5, IS-Net 88."""
SECONDS = 0.4
"""Of running on each: enough for hundreds of pictures of a network for which the answer is not plain."""
PICTURE = (720, 1280, 3)
"""Shape of the picture that both are measured with: copying and resizing count, and grow with it."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was found."""

    gpu: float
    cpu: float
    """Pictures a second, by as many callers as keep each busy, resized on the CPU for both."""
    card: str
    machine: str

    @property
    def gpu_is_faster(self) -> bool:
        """Whether the GPU runs more pictures a second; equal ones stay on the CPU, which needs no start."""
        return self.gpu > self.cpu

    @property
    def sentence(self) -> str:
        """As the card of a result says it."""
        return f"{self.card} runs {self.gpu:.0f} pictures a second, the processor {self.cpu:.0f}"


def remembered(book: Path, card: str) -> Comparison | None:
    """What was found out with this card on this machine, if it was."""
    try:
        found = Comparison(**json.loads(book.read_bytes()))
    except (OSError, ValueError, TypeError):
        return None
    return found if (found.card, found.machine) == (card, machine()) else None


def remember(book: Path, found: Comparison) -> None:
    """Keep it for the next process."""
    book.parent.mkdir(parents=True, exist_ok=True)
    place(book, json.dumps(asdict(found)).encode())


def rate(predict: Predict, callers: int, until: Callable[[], bool] = lambda: True) -> float:
    """Pictures a second by so many callers at once, measured once `until` says that all is prepared."""
    picture = np.random.default_rng(1).integers(0, 256, PICTURE, np.uint8)

    def run(pool: ThreadPoolExecutor, seconds: float) -> float:
        began, done = time.perf_counter(), 0
        while not done or time.perf_counter() - began < seconds:
            done += sum(1 for _ in pool.map(_shape, repeat(predict, 2 * callers), repeat(picture)))
        return done / (time.perf_counter() - began)

    with ThreadPoolExecutor(callers) as pool:
        run(pool, 0)
        while not until():
            run(pool, 0.05)
        return run(pool, SECONDS)


def _shape(predict: Predict, picture: Pixels) -> tuple[int, ...]:
    """Of the alpha, which is let go at once."""
    return predict(picture).shape
