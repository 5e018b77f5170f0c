"""A clip from outside, as frames: refused with a sentence, or read as it is meant to be shown.

Everything is learned when the source is opened: a file that opens can be cut out, but for damage further in. Frames
are upright, with square pixels, in sRGB; their times are exact, and fill the chosen part without a gap.
"""

import math
from contextlib import closing
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

from vimix.errors import Unreadable, UsageError, tidy
from vimix.frame import ClipInfo, Frame, Frames, Pixels, opaque
from vimix.media.file_type import sniff
from vimix.media.image_reader import Picture
from vimix.media.limits import Limits, check_bytes, check_clip
from vimix.media.reader import Facts, Reader, Size
from vimix.media.timing import Span, is_variable, mean_rate, schedule
from vimix.media.video_reader import Video

_STILL = Span(Fraction(0), Fraction(1))


@dataclass(frozen=True, slots=True)
class Source:
    """A clip that can be read, any number of times."""

    path: Path
    info: ClipInfo
    """What the frames will be: after trimming, resampling, scaling and rotation."""
    start: Fraction
    """Seconds into the clip; becomes time 0."""
    end: Fraction
    """Seconds into the clip."""
    offset: Fraction
    """Seconds on the clock that the file's sound shares, where its first picture is shown: the sound that belongs to
    the part is from `offset + start` to `offset + end`."""
    _reader: Reader
    _span: Span
    _notes: list[str] = field(default_factory=list)

    @property
    def original(self) -> ClipInfo:
        """What the whole clip is, as displayed, before trimming, resampling and scaling."""
        facts = self._reader.facts
        return _info(facts, _STILL if facts.still else Span(Fraction(0), facts.end, None), facts.size)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is worth telling about the file; damage is known only once it was reached."""
        return tuple(dict.fromkeys((*self._reader.facts.warnings, *self._notes)))

    def frames(self) -> Frames:
        """Decode, from the beginning of the part at each call. Closing it closes the file and ends its threads.

        Raises `Refused` where the file turns out to hold more than it said, `Unreadable` where it breaks at once.
        """
        size, any_frame = (self.info.width, self.info.height), False
        with closing(self._reader.pictures(self._span.start, size, self._notes)) as pictures:
            for shown in schedule(pictures, self._reader.facts.end, self._span):
                rgb, alpha = shown.what()
                any_frame = True
                yield Frame(rgb, _alpha(alpha, size), shown.time, shown.duration)
                del rgb, alpha, shown  # while the consumer works, one frame less is held
        if not any_frame:
            raise Unreadable("None of the frames in this part of the file could be read.")


def open_source(
    path: Path,
    *,
    max_fps: float | None = None,
    start: float = 0.0,
    end: float | None = None,
    max_width: int | None = None,
    limits: Limits = Limits(),  # noqa: B008  frozen
) -> Source:
    """Look into the file and decode one frame.

    `start` and `end` are seconds of the clip; `max_fps` leaves frames out of a faster clip; a picture wider than
    `max_width` is made smaller. Raises `Refused` and `Unreadable`, each with a sentence for the person who sent the
    file, and `UsageError` for a `start` beyond the end.
    """
    if path.is_file():
        check_bytes(path.stat().st_size, limits)
    kind = sniff(path)
    begin = _seconds(start)
    reader: Reader = Picture(path, kind, limits) if kind.pillow else Video(path, kind, limits, begin)
    facts = reader.facts
    if facts.still:
        span = _STILL
    else:
        if begin >= facts.end:
            raise UsageError(f"The clip is {tidy(facts.end, 2)} s long, so it cannot start at {tidy(start, 2)} s.")
        finish = facts.end if end is None else min(_seconds(end), facts.end)
        if finish <= begin:
            raise UsageError("The end must be after the start.")
        span = Span(begin, finish, _most(facts, max_fps))
    size = _fitted(facts.size, max_width, limits.max_pixels)
    info = _info(facts, span, size)
    check_clip(info, limits)
    notes = []
    if size != _fitted(facts.size, max_width, None):
        notes.append(f"The picture was {facts.size[0]}x{facts.size[1]} pixels; it was reduced to {size[0]}x{size[1]}.")
    return Source(path, info, span.start, span.end, facts.first, reader, span, notes)


def probe(path: Path, limits: Limits = Limits()) -> ClipInfo:  # noqa: B008  frozen
    """What the whole clip is, whatever its length: only what must not be decoded at all is refused."""
    endless = replace(limits, max_seconds=float("inf"), max_frames=10**9, max_total_pixels=10**18)
    return open_source(path, limits=endless).info


def _info(facts: Facts, span: Span, size: Size) -> ClipInfo:
    shown = list(schedule(((time, None) for time in facts.times), facts.end, span))
    seconds = span.end - span.start
    return ClipInfo(
        width=size[0],
        height=size[1],
        fps=Fraction(1) if facts.still else mean_rate(len(shown), seconds, span.fps or facts.rate),
        seconds=None if facts.still else seconds,
        frames=len(shown),
        codec=facts.codec,
        container=facts.container,
        rotation=facts.rotation,
        hdr=facts.hdr,
        variable_rate=span.fps is None and is_variable([one.time for one in shown], facts.tick),
        audio=facts.audio,
        alpha=facts.alpha,
        still=facts.still,
        plays=facts.plays,
    )


def _most(facts: Facts, max_fps: float | None) -> Fraction | None:
    """The rate to thin out to, or None where the clip is no faster: it keeps its own timing then."""
    if max_fps is None:
        return None
    most = Fraction(max_fps).limit_denominator(1001)
    mean = mean_rate(len(facts.times), facts.end, facts.rate)
    return most if mean > most * Fraction(1001, 1000) else None  # 29.97 asked of a clip of 30000/1001


def _fitted(size: Size, max_width: int | None, max_pixels: int | None) -> Size:
    """The size scaled down, where it has to be, to a width and to a number of pixels."""
    width, height = max(1, size[0]), max(1, size[1])
    wanted = min(width, max_width or width)
    if max_pixels is not None and wanted * wanted * height > max_pixels * width:
        wanted = max(1, math.isqrt(max_pixels * width // height))
    if wanted == width:
        return width, height
    return wanted, max(1, min(round(Fraction(height * wanted, width)), (max_pixels or height * wanted) // wanted))


def _alpha(alpha: Pixels | None, size: Size) -> Pixels:
    return opaque(size[1], size[0]) if alpha is None or alpha.min() == 255 else alpha


def _seconds(number: float) -> Fraction:
    """Exact for what people write: 0.1 is a tenth."""
    return Fraction(number).limit_denominator(1_000_000)
