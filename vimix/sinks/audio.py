"""The sound of the clip, cut to the same span and laid under the picture.

A sound track never stops the picture: a packet that cannot be decoded is a short silence, and where the channels, the
rate or the sample format change on the way the resampler is made anew.
"""

from collections.abc import Iterator
from contextlib import ExitStack, suppress
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.filter import Graph
from av.stream import Disposition
from numpy.typing import NDArray

from vimix.sinks.base import AudioFrom

_RATE = 48000
"""Samples a second of every file we write: the one rate that Opus has and all video formats take."""
_OPENED = {"protocol_whitelist": "", "format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi"}
_TRIED = 100
"""Packets of a track that are tried in search of sound: two seconds of AAC, read in milliseconds."""
_LAYOUTS = {1: "mono", 2: "stereo", 3: "2.1", 4: "quad", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
"""What a number of channels means where the file does not say (PCM)."""


class Sound:
    """An audio stream of `container` that is filled as the picture moves on, so that neither waits for the other."""

    def __init__(self, wanted: AudioFrom, container: OutputContainer, codec: str, rate: float) -> None:
        """`rate`: bits a second that it may take. Without a sound track nothing is added to `container`."""
        self._container = container
        self._stream: AudioStream | None = None
        self._held: AudioFrame | None = None
        self._open = ExitStack()
        file = self._open.enter_context(wanted.path.open("rb"))  # by a handle: a name is never taken for a protocol
        try:
            clip = self._open.enter_context(av.open(file, "r", metadata_errors="ignore", options=_OPENED))
        except av.FFmpegError:  # a file of pictures alone, such as a GIF
            self.close()
            return
        source = _track(clip, wanted.path)
        if source is None:
            self.close()
            return
        layout = "mono" if source.codec_context.layout.nb_channels == 1 or rate < 48_000 else "stereo"
        stream = cast(AudioStream, container.add_stream(codec, rate=_RATE, layout=layout))
        if codec != "pcm_s16le":
            stream.bit_rate = int(min(rate, 64_000 * stream.codec_context.layout.nb_channels))
        self._stream = stream
        self._frames = _sound(clip, source, wanted, stream)

    def fill(self, until: Fraction) -> None:
        """Encode the sound that ends by that second of the output."""
        while self._stream is not None:
            self._held = self._held or next(self._frames, None)
            if self._held is None or Fraction((self._held.pts or 0) + self._held.samples, _RATE) > until:
                return
            self._container.mux(self._stream.encode(self._held))
            self._held = None

    def finish(self, until: Fraction) -> None:
        """Encode what is left up to that second, to the sample."""
        self.fill(until)
        if self._stream is not None:
            if self._held is not None and (rest := round(until * _RATE) - (self._held.pts or 0)) > 0:
                self._container.mux(self._stream.encode(_first(self._held, rest)))
            self._container.mux(self._stream.encode(None))
        self.close()

    def close(self) -> None:
        """Let go of the clip."""
        self._open.close()


def _track(clip: InputContainer, path: Path) -> AudioStream | None:
    """The track marked as default, as players take it, or else the first; where nothing of it can be decoded, the
    next one."""
    known = [stream for stream in clip.streams.audio if stream.codec_context is not None]
    known.sort(key=lambda stream: not stream.disposition & Disposition.default)
    for packets in (_TRIED, None):
        for stream in known:
            if _can_be_decoded(path, stream.index, packets):
                return stream
    return None


def _can_be_decoded(path: Path, index: int, packets: int | None) -> bool:
    """Whether one of the first packets of a track, or of all, gives sound."""
    with suppress(av.FFmpegError), path.open("rb") as file, av.open(file, "r", options=_OPENED) as clip:
        return next(_decoded(clip, cast(AudioStream, clip.streams[index]), packets=packets), None) is not None
    return False


def _first(frame: AudioFrame, samples: int) -> AudioFrame:
    layout = frame.layout
    per_sample = 1 if frame.format.is_planar else layout.nb_channels
    kept = np.ascontiguousarray(frame.to_ndarray()[:, : samples * per_sample])
    return _remade(frame, kept, layout.name)


def _sound(clip: InputContainer, source: AudioStream, wanted: AudioFrom, out: AudioStream) -> Iterator[AudioFrame]:
    """Sound of the span at the output's format, time 0 at `wanted.start`, gaps filled with silence."""
    if wanted.start > 0:
        clip.seek(int(wanted.start * av.time_base), backward=True, any_frame=False)
    layout = out.codec_context.layout.name
    graph = Graph()
    length = f":end={float(wanted.end - wanted.start)}" if wanted.end is not None else ""
    steps = (
        ("asetpts", f"PTS-{float(wanted.start)}/TB"),
        ("atrim", f"start=0{length}"),
        ("aresample", f"{_RATE}:async=1:first_pts=0"),
        ("aformat", f"sample_fmts={out.codec_context.format.name}:channel_layouts={layout}"),
    )
    begin = graph.add_abuffer(sample_rate=_RATE, format="fltp", layout=layout, time_base=Fraction(1, _RATE))
    graph.link_nodes(begin, *(graph.add(*step) for step in steps), graph.add("abuffersink")).configure()
    for frame in _uniform(_decoded(clip, source), layout):
        try:
            graph.push(frame)
        except av.error.EOFError:  # the end of the span is reached
            yield from _ready(graph)
            return
        yield from _ready(graph)
    graph.push(None)
    yield from _ready(graph)


def _decoded(clip: InputContainer, source: AudioStream, *, packets: int | None = None) -> Iterator[AudioFrame]:
    """What can be decoded of the track, or of so many packets: a broken one is a short silence, as in any player."""
    try:
        for packet in islice(clip.demux(source), packets):
            try:
                yield from packet.decode()
            except av.FFmpegError:
                continue
    except av.FFmpegError:  # the file breaks off here
        return


def _uniform(frames: Iterator[AudioFrame], layout: str) -> Iterator[AudioFrame]:
    """Frames in planar float at 48 kHz in that layout, whatever they are and however often that changes."""
    resampler: AudioResampler | None = None
    before: tuple[object, ...] = ()
    for frame in frames:
        if "channels" in frame.layout.name and (likely := _LAYOUTS.get(frame.layout.nb_channels)):
            frame = _remade(frame, frame.to_ndarray(), likely)
        kind = (frame.format.name, frame.layout.name, frame.sample_rate, frame.time_base)
        try:
            if resampler is None or kind != before:
                if resampler is not None:
                    yield from _timed(resampler.resample(None))
                resampler, before = AudioResampler("fltp", layout, _RATE), kind
            yield from _timed(resampler.resample(frame))
        except (av.FFmpegError, ValueError):  # channels that nothing is known about: silence
            resampler = None
    if resampler is not None:
        yield from _timed(resampler.resample(None))


def _timed(frames: list[AudioFrame]) -> Iterator[AudioFrame]:
    """Stamps in samples: a resampler that has nothing to do leaves those of the file."""
    for frame in frames:
        if frame.pts is not None and frame.time_base is not None:
            frame.pts, frame.time_base = round(frame.pts * frame.time_base * _RATE), Fraction(1, _RATE)
        yield frame


def _remade(frame: AudioFrame, samples: NDArray[Any], layout: str) -> AudioFrame:
    """The frame with other samples or another layout, at the same time."""
    made = AudioFrame.from_ndarray(cast(Any, samples), format=frame.format.name, layout=layout)
    made.pts, made.sample_rate, made.time_base = frame.pts, frame.sample_rate, frame.time_base
    return made


def _ready(graph: Graph) -> Iterator[AudioFrame]:
    while True:
        try:
            frame = graph.pull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return
        if isinstance(frame, AudioFrame):
            yield frame
