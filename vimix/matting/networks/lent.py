"""A network on a GPU that is lent for a minute at a time (ZeroGPU), to a process that is not ours.

Only pictures at the network's size and their masks travel, through a socket: whoever tracks, decodes and encodes stays
where it is. A lender (`vimix.jobs.worker.zerogpu`) is asked for a slice of time; the process that has the GPU connects
back, answers pictures until the slice is over, and hangs up. Then the next picture asks for the next slice, so a clip
may take as many as it needs. A picture whose answer did not come, because the process was ended, is sent again.
"""

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Client, Connection, wait
from pathlib import Path
from struct import Struct
from tempfile import mktemp

import numpy as np

from vimix.errors import Unavailable
from vimix.frame import Pixels
from vimix.matting.image import Segment
from vimix.matting.networks.batching import FIGURES
from vimix.matting.networks.network import LENT

LENDER = "lender"
"""The lender's socket in that folder."""
BARREN = 3
"""Slices in a row without an answer after which the GPU is given up."""
PATIENCE = 180.0
"""Seconds to wait for a slice: others may be served first. After that a processor has done more."""
IDLE = 2.0
"""Seconds without a picture after which a slice is given back: it counts against somebody's daily minutes."""
_WHITE = Struct("<d")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ask:
    """What a slice is asked for."""

    graph: str
    """Path of the graph's file."""
    size: int
    precision: str
    address: str
    """The socket that whoever has the GPU connects to."""


@dataclass(slots=True)
class _Slice:
    """The slice that is under way, if one is."""

    line: Connection | None = None
    card: str = ""


def open_lent(
    device: str, graph: Path, size: int, precision: str, otherwise: Callable[[], Segment]
) -> tuple[Segment, str]:
    """The graph of `onnx_graphs.fuse_pre_and_post` on a lent GPU, and that GPU's name; one picture at a time.

    `otherwise` gives what goes on if no more slices are lent later. Raises `Unavailable` where not even the first is.
    """
    folder = Path(device.removeprefix(LENT))
    slice_, turn, after = _Slice(), threading.Lock(), list[Segment]()

    def begin() -> Connection:
        slice_.line, slice_.card = _slice(folder, str(graph.absolute()), size, precision)
        return slice_.line

    def ask(message: bytes) -> Pixels:
        for _ in range(BARREN):
            line = slice_.line or begin()
            with suppress(EOFError, OSError):
                line.send_bytes(message)
                return np.frombuffer(line.recv_bytes(), np.uint8).reshape(size, size)
            line.close()  # the slice is over
            slice_.line = None
        raise Unavailable("The lent GPU does not answer.", cause=f"{BARREN} slices brought nothing")

    def segment(small: Pixels, white: float) -> Pixels:
        with turn:
            if not after:
                began = time.perf_counter()
                try:
                    mask = ask(_WHITE.pack(white) + small.tobytes())
                except Unavailable as error:
                    _log.warning("no more slices of a GPU, going on with the processor: %s", error.cause)
                    after.append(otherwise())
                else:
                    FIGURES.batches += 1
                    FIGURES.pictures += 1
                    FIGURES.seconds += time.perf_counter() - began
                    return mask
        return after[0](small, white)

    begin()
    return segment, slice_.card


def _slice(folder: Path, graph: str, size: int, precision: str) -> tuple[Connection, str]:
    """Ask for a slice; the line to the process that has the GPU, and the GPU's name. Raises `Unavailable`."""
    address = mktemp(prefix="job-", dir=folder)  # the folder is ours alone
    with _listening(address) as here:
        try:
            lender = Client(str(folder / LENDER))
        except OSError as error:
            raise Unavailable("No GPU is lent here.", cause=str(error)) from error
        with lender:
            lender.send(Ask(graph, size, precision, address))
            ready = wait([here, lender], PATIENCE)
            if here not in ready:
                said = lender.recv() if lender in ready else f"no GPU within {PATIENCE:.0f} s"
                raise Unavailable("No GPU is lent at the moment.", cause=str(said))
            line = Connection(here.accept()[0].detach())
            try:
                return line, str(line.recv())
            except (EOFError, OSError) as error:
                line.close()
                said = lender.recv() if lender.poll(5) else repr(error)
                raise Unavailable("The lent GPU cannot run the model.", cause=str(said)) from error


@contextmanager
def _listening(address: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as here:
        here.bind(address)
        here.listen(1)
        try:
            yield here
        finally:
            Path(address).unlink(missing_ok=True)


def answer(address: str, size: int, card: str, segment: Segment, seconds: float) -> int:
    """Where the GPU is: answer pictures for so many seconds, or until none comes. The number of pictures."""
    ends, done = time.monotonic() + seconds, 0
    with Client(address) as line, suppress(EOFError, OSError):
        line.send(card)
        while (left := ends - time.monotonic()) > 0 and line.poll(min(left, IDLE)):
            message = line.recv_bytes()
            (white,) = _WHITE.unpack_from(message)
            small = np.frombuffer(message, np.uint8, offset=_WHITE.size).reshape(size, size, 3)
            line.send_bytes(np.ascontiguousarray(segment(small, white)).tobytes())
            done += 1
    return done
