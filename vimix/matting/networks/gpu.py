"""A network on an NVIDIA GPU: a few fixed batch sizes, each in a session of its own.

The size of one picture is ready first; larger ones are prepared in a thread once pictures wait for each other, so that
neither the first frame nor a clip that is followed, one prediction after the other, pays for them.
"""

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from vimix.errors import Unavailable
from vimix.frame import Pixels
from vimix.matting.image import Segment
from vimix.matting.networks import cuda, runtime
from vimix.matting.networks.batching import Wish, batched

_log = logging.getLogger(__name__)

SIZES = (1, 2, 4, 8, 16)
"""Batch sizes. More of them pad less and take more memory and time to prepare; two lanes of 8
keep a GPU busy with a large network."""
LARGE, MOST = 512, 8
"""Networks for more pixels a side get no batch larger than that: nothing is gained, and memory grows with it."""
LANES = 2
"""Batches under way at once: one is copied and uploaded while another one is computed."""
PIXEL_BYTES = {"f16": 300, "tf32": 600}
"""GPU memory for a pixel of a picture that is run, by precision: IS-Net at 768 in halves was seen to take 200."""
RESERVED = 700 << 20
"""Bytes of the GPU that CUDA and its libraries take in each process."""
_ALIKE = 3.0
"""Levels by which a mask may differ on average from that of the same picture alone: convolutions are planned for each
batch size, and round differently."""
SHARE = 0.9
"""Of the GPU's memory that all our processes together may fill: a display or a neighbour needs some too."""


@dataclass(frozen=True, slots=True)
class OnGpu:
    """A network, ready on the GPU."""

    segment: Segment
    parallel: int
    """Callers at once that fill the lanes with the largest batches."""
    limit: int
    """Bytes of the GPU that it may fill; 0 where the GPU does not say how many it has."""
    refused: list[str]
    """Batch sizes that could not be had, with the reason; grows while larger ones are prepared."""
    ready: threading.Event
    """Set once all sizes were tried."""


def open_sizes(graph: Path, size: int, precision: str, *, sharing: int = 1) -> OnGpu:
    """The graph of `onnx_graphs.fuse_pre_and_post` for `size` x `size` pixels, by any number of callers, in batches.

    `sharing`: processes that share this GPU. Raises `Unavailable` where it cannot run a single picture.
    """
    budget = int(cuda.memory() * SHARE / sharing) - RESERVED
    limits = memory_limits(size, precision, graph.stat().st_size, budget)
    lanes = [_Lane(max(limits), size) for _ in range(LANES)]
    refused: list[str] = []
    seconds: dict[int, float] = {}
    try:
        lanes[0].add(1, graph, limits[1], seconds, others=lanes[1:])
    except Exception as error:
        if not limits[1]:
            raise _cannot(error) from error
        _log.warning("%s does not fit into %s bytes, going on without a limit: %s", graph.name, limits[1], error)
        try:  # slowly is better than not at all: what a network needs is an estimate
            lanes[0].add(1, graph, 0, seconds, others=lanes[1:])
        except Exception as again:
            raise _cannot(again) from again
        limits = {1: 0}
    started, done = threading.Lock(), threading.Event()

    def prepare() -> None:
        for batch in sorted({*limits} - {1}):
            if not threading.main_thread().is_alive():  # the process ends, and waits for this thread
                break
            try:
                lanes[0].add(batch, graph, limits[batch], seconds, others=lanes[1:])
            except Exception as error:  # a graph that was exported for one picture, or too little memory
                cause = getattr(error, "cause", "") or str(error)
                _log.info("no batches of %s or more: %s", batch, cause)
                refused.append(f"no batches of {batch} or more: {' '.join(cause.split())[:200]}")
                break
        done.set()

    def crowd() -> None:
        if started.acquire(blocking=False):  # never released: once
            threading.Thread(target=prepare, name="vimix-gpu").start()  # no daemon: see above

    segment = batched([lane.run for lane in lanes], seconds, crowd=crowd)
    return OnGpu(segment, LANES * max(limits), sum(limits.values()), refused, done)


def _cannot(error: Exception) -> Unavailable:
    if isinstance(error, Unavailable):
        return error
    return Unavailable("The GPU cannot run the model.", cause=str(error))


def memory_limits(size: int, precision: str, weights: int, budget: int) -> dict[int, int]:
    """Bytes of the GPU by batch size, as many sizes as fit into the budget; that of one picture always, without a limit
    where it does not fit or where the budget is not known."""
    limits: dict[int, int] = {}
    for batch in SIZES[: SIZES.index(MOST) + 1] if size > LARGE else SIZES:
        needed = 2 * weights + LANES * batch * size * size * PIXEL_BYTES[precision]
        if budget > 0 and sum(limits.values()) + needed > budget:
            break
        limits[batch] = needed if budget > 0 else 0
    return limits or {1: 0}


class _Lane:
    """Memory for one batch under way, and the sessions it may go to."""

    def __init__(self, most: int, size: int) -> None:
        self._pictures = np.zeros((most, size, size, 3), np.uint8)
        self._whites = np.full((most, 1, 1, 1), 255, np.float32)
        self._sessions: dict[int, runtime.Batch] = {}
        self.pinned = cuda.pin(self._pictures)

    def run(self, wishes: Sequence[Wish], batch: int) -> list[Pixels]:
        """Masks of the wishes, run in a batch of that size; the places left hold what was there before."""
        for place, (picture, white) in enumerate(wishes):
            np.copyto(self._pictures[place], picture)
            self._whites[place] = white
        masks = self._sessions[batch](self._pictures[:batch], self._whites[:batch])
        return [masks[place] for place in range(len(wishes))]

    def add(self, batch: int, graph: Path, limit: int, seconds: dict[int, float], *, others: "Sequence[_Lane]") -> None:
        """Open and run a session of that batch size, for these lanes; `seconds` then has it. Raises what it raises."""
        session = runtime.open_on_gpu(graph, batch, memory=limit)
        pictures, whites = _drawn(batch, self._pictures.shape[1]), np.full((batch, 1, 1, 1), 255, np.float32)
        masks = session(pictures, whites)  # plans every convolution
        if masks.shape != pictures.shape[:3]:
            raise Unavailable("The GPU cannot run the model.", cause=f"masks of {masks.shape} for {pictures.shape}")
        alone = self._sessions[1](pictures[-1:], whites[:1])[0] if batch > 1 else masks[0]
        if cv2.absdiff(masks[-1], alone).mean() > _ALIKE:  # it mixes pictures: exported for one at a time
            raise Unavailable("The GPU cannot run the model.", cause="a picture's mask depends on its neighbours")
        took = []
        for _ in range(2):
            began = time.perf_counter()
            session(pictures, whites)
            took.append(time.perf_counter() - began)
        for lane in (self, *others):
            lane._sessions[batch] = session
        seconds[batch] = min(took)


def _drawn(many: int, size: int) -> Pixels:
    """Pictures (many, size, size, 3) of a bright disc on a dark slope, each in another place."""
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    plane = 60 + 40 * x + 120 * (np.hypot(x, y) < 0.5)
    picture = (plane[..., None] * (1, 0.8, 0.5)).astype(np.uint8)
    return np.stack([np.roll(picture, place * size // 16, axis=1) for place in range(many)])
