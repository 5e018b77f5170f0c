"""What is done to decoded pictures before their colours are converted: fields become frames, hidden rims are cut off.

Both are libavfilter's. A clip that needs neither passes untouched.
"""

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from contextlib import suppress
from fractions import Fraction

import av
from av.filter import Graph
from av.video.frame import VideoFrame

from vimix.media.cropping import Crop

Timed = tuple[Fraction, VideoFrame]

INTERLACED = "The clip is interlaced: its fields were combined into full frames, at the same frame rate."
_PARITY = {2: "tff", 3: "bff", 4: "tff", 5: "bff"}
"""Which field is shown first, by the number of the container's field order (libavcodec's AVFieldOrder)."""
_MODE = {False: "send_frame", True: "frame"}
"""How the two deinterlacers call: a frame out for each in."""


def filtered(frames: Iterable[Timed], crop: Crop, field_order: int, notes: list[str]) -> Generator[Timed, None, None]:
    """The frames at their own times, cut to what `crop` leaves (to whole samples of chroma, as ffmpeg does) and
    deinterlaced (bwdif) from the first on that needs it: one whose decoder flags it, or any where only the container
    says so by `field_order`. `notes` gets the note."""
    chain: _Chain | None = None
    try:
        for time, frame in frames:
            parity = "auto" if frame.interlaced_frame else _PARITY.get(field_order)
            if parity and INTERLACED not in notes:
                notes.append(INTERLACED)
            if chain is None and not parity and not crop:
                yield time, frame
                continue
            if chain is None or not chain.takes(frame, parity):
                if chain is not None:
                    yield from chain.finish()
                chain = _Chain(frame, crop, parity)
            yield from chain.push(time, frame)
        if chain is not None:
            yield from chain.finish()
    finally:
        if isinstance(frames, Generator):
            frames.close()


class _Chain:
    """A graph for frames of one kind."""

    def __init__(self, frame: VideoFrame, crop: Crop, parity: str | None, *, alone: bool = False) -> None:
        """`alone`: there is but this frame, so the other field is made of its neighbours in space (estdif)."""
        self._kind = (frame.width, frame.height, frame.format.name)
        self._parity, self._times, self._count = parity, deque[Fraction](), 0
        self._crop, self._first = crop, None if alone else frame
        steps: list[tuple[str, str]] = []
        if parity:
            only = "interlaced" if parity == "auto" else "all"
            steps.append(("estdif" if alone else "bwdif", f"parity={parity}:deint={only}:mode={_MODE[alone]}"))
        width, height = crop.size(frame.width, frame.height)
        if (width, height) != (frame.width, frame.height):
            steps.append(("crop", f"{width}:{height}:{crop.left}:{crop.top}"))
        self._graph = graph = Graph()
        ends = graph.add_buffer(
            width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1, 1000)
        ), graph.add("buffersink")  # fmt: skip
        graph.link_nodes(ends[0], *(graph.add(*step) for step in steps), ends[1]).configure()

    def takes(self, frame: VideoFrame, parity: str | None) -> bool:
        """Whether the graph that stands can go on with this frame. A progressive one passes bwdif as it is."""
        return self._kind == (frame.width, frame.height, frame.format.name) and parity in (None, self._parity)

    def push(self, time: Fraction, frame: VideoFrame) -> Iterator[Timed]:
        """Give one in; what is ready comes out."""
        self._first = self._first if self._count == 0 else None
        self._times.append(time)
        frame.pts, frame.time_base = self._count, Fraction(1, 1000)
        self._count += 1
        self._graph.push(frame)
        yield from self._ready()

    def finish(self) -> Iterator[Timed]:
        """What is still inside: bwdif holds a frame until it has seen the next."""
        if self._parity and self._first is not None:
            alone = _Chain(self._first, self._crop, self._parity, alone=True)
            yield from alone.push(self._times.popleft(), self._first)
            yield from alone.finish()
            return
        self._graph.push(None)
        yield from self._ready()

    def _ready(self) -> Iterator[Timed]:
        with suppress(av.error.BlockingIOError, av.error.EOFError):
            while self._times:
                frame = self._graph.pull()
                if isinstance(frame, VideoFrame):
                    yield self._times.popleft(), frame
