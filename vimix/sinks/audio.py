"""The sound of the clip, cut to the same span and laid under the picture."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, cast

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.filter import Graph

from vimix.sinks.base import AudioFrom

_RATE = 48000
_OPENED = {
    "protocol_whitelist": "file",
    "format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv,asf,ogg,gif",
}


class Sound:
    """An audio stream of `container` that is filled as the picture moves on, so that neither waits for the other."""

    def __init__(self, wanted: AudioFrom, container: OutputContainer, codec: str, rate: float) -> None:
        """`rate`: bits a second that it may take."""
        self._clip = av.open(str(wanted.path), metadata_errors="ignore", options=_OPENED)
        self._container = container
        self._stream: AudioStream | None = None
        self._held: AudioFrame | None = None
        if not self._clip.streams.audio:
            self._clip.close()
            return
        source = self._clip.streams.audio[0]
        layout = "mono" if source.codec_context.layout.nb_channels == 1 or rate < 48_000 else "stereo"
        stream = cast(AudioStream, container.add_stream(codec, rate=_RATE, layout=layout))
        if codec != "pcm_s16le":
            stream.bit_rate = int(min(rate, 64_000 * stream.codec_context.layout.nb_channels))
        self._stream = stream
        self._frames = _sound(self._clip, source, wanted, stream)

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
        self._clip.close()


def _first(frame: AudioFrame, samples: int) -> AudioFrame:
    layout = frame.layout
    per_sample = 1 if frame.format.is_planar else layout.nb_channels
    kept = np.ascontiguousarray(frame.to_ndarray()[:, : samples * per_sample])
    short = AudioFrame.from_ndarray(cast(Any, kept), format=frame.format.name, layout=layout.name)
    short.pts, short.sample_rate, short.time_base = frame.pts, frame.sample_rate, frame.time_base
    return short


def _sound(clip: InputContainer, source: AudioStream, wanted: AudioFrom, out: AudioStream) -> Iterator[AudioFrame]:
    """Sound of the span at the output's format, time 0 at `wanted.start`, gaps filled with silence."""
    if wanted.start > 0:
        clip.seek(int(wanted.start * av.time_base), backward=True, any_frame=False)
    graph = Graph()
    length = f":end={float(wanted.end - wanted.start)}" if wanted.end is not None else ""
    steps = (
        ("asetpts", f"PTS-{float(wanted.start)}/TB"),
        ("atrim", f"start=0{length}"),
        ("aresample", f"{_RATE}:async=1:first_pts=0"),
        ("aformat", f"sample_fmts={out.codec_context.format.name}:channel_layouts={out.codec_context.layout.name}"),
    )
    nodes = [graph.add_abuffer(template=source), *(graph.add(*step) for step in steps), graph.add("abuffersink")]
    graph.link_nodes(*nodes).configure()
    for packet in clip.demux(source):
        try:
            frames = packet.decode()
        except av.error.InvalidDataError:
            continue  # a broken packet is a short silence, as in any player
        for frame in frames:
            try:
                graph.push(frame)
            except av.error.EOFError:  # the end of the span is reached
                yield from _ready(graph)
                return
            yield from _ready(graph)
    graph.push(None)
    yield from _ready(graph)


def _ready(graph: Graph) -> Iterator[AudioFrame]:
    while True:
        try:
            frame = graph.pull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return
        if isinstance(frame, AudioFrame):
            yield frame
