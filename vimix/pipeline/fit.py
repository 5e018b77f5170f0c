"""How a file is made to fit a number of bytes: an ordered list of ways to encode, and a measured search along it."""

import math
from collections.abc import Generator
from dataclasses import dataclass

from vimix.errors import Refused
from vimix.frame import ClipInfo
from vimix.options import Options
from vimix.pipeline.presets import KB, Target

TRIES = 6
"""Encodes that a search may take: time against how close to the limit the file comes."""
_AIM = 0.93
"""Share of the limit that is aimed at: a guess that lands just above costs another encode."""
_WELL = 0.7
"""Share of the limit from which on a file that fits is good enough: a better one costs another encode."""
_LOWEST_FPS = 6.0
"""Frames a second below which motion falls apart; pixels and quality are given up before."""
_VIDEO: frozenset[str] = frozenset({"webm", "mov", "hevc", "mp4", "matte", "stacked", "bundle"})
"""Formats that predict frames from one another: fewer of them save less than in proportion."""


@dataclass(frozen=True, slots=True)
class Try:
    """One way to encode, to be measured."""

    quality: int
    fps: float | None
    """Frames a second at most; None: the clip's own."""
    width: int | None
    """Pixels; None: as it is."""
    seconds: int | None = None
    """To end at exactly, the last frame staying until then; None: with the clip."""


def search(target: Target, info: ClipInfo, options: Options) -> Generator[Try, int | float | None, None]:
    """Ways to encode until one fits well: best first, then as much less as the measured sizes say.

    Send the size in bytes of each; a float is how many times the limit an unfinished one would have had; None says only
    that it was too large. The last that fitted is the best that fitted. `Refused` where nothing does.
    """
    ladder = list(_ladder(target, info, options))
    measured: list[tuple[float, float]] = []
    at, too_large, fits = 0, -1, len(ladder)
    for left in reversed(range(TRIES)):
        answer = yield ladder[at][1]
        over = answer / target.max_bytes if isinstance(answer, int) else answer or 2.5
        measured.append((ladder[at][0], over))
        if over > 1:
            too_large = at
        else:
            fits = at
        if over > 1 and left == 1 and fits == len(ladder):
            at = fits - 1  # the last chance
        elif _WELL < over <= 1 or too_large + 1 >= fits:
            break
        else:
            wanted = _size_to_try(measured)
            found = next((place for place, (size, _) in enumerate(ladder) if size <= wanted), len(ladder))
            at = min(max(found, too_large + 1), fits - 1)
    if fits == len(ladder):
        raise Refused(f"Even at its smallest this is more than {target.max_bytes // KB} KB. Choose a shorter part.")


def _size_to_try(measured: list[tuple[float, float]]) -> float:
    """The expected size, on the ladder's scale, of what will fit, from what was expected and measured so far."""
    size, over = measured[-1]
    slope = 1.0
    if len(measured) > 1:
        before, was = measured[-2]
        if before != size and was != over:
            slope = min(2.0, max(0.4, math.log(was / over) / math.log(before / size)))
    return float(size * (_AIM / over) ** (1 / slope))


def _ladder(target: Target, info: ClipInfo, options: Options) -> list[tuple[float, Try]]:
    """Ways to encode, and the size each is expected to have against the first: quality goes first, then frames, then
    pixels where the size is ours to choose, then what quality is left."""
    video, top = options.format in _VIDEO, options.encode_quality
    rate = min(float(info.fps), options.max_fps or 1000.0, target.max_fps or 1000.0)
    lasts = max(1, int(info.seconds)) if target.whole_seconds and info.seconds else None
    least = 1.0
    if target.frames and info.seconds:
        seconds = float(lasts or info.seconds)
        rate, least = min(rate, target.frames[1] / seconds), max(least, target.frames[0] / seconds)
    asked = rate if rate < float(info.fps) or options.max_fps else None
    width = options.width or info.width
    steps = [(quality, 1.0, 1.0) for quality in (top, 79, 72, 65, 57, 50) if quality <= top]
    quality = steps[-1][0]
    steps += [(quality, slower, 1.0) for slower in (0.9, 0.8, 0.7, 0.6, 0.5) if rate * slower >= _LOWEST_FPS]
    slowest = steps[-1][1]
    if target.canvas is None:
        steps += [(quality, slowest, 0.93**step) for step in range(1, 21) if width * 0.93**step >= 32]
    smallest = steps[-1][2]
    steps += [(lower, slowest, smallest) for lower in (42, 35, 27, 20, 12, 6) if lower < quality]
    if target.canvas:
        steps += [(min(6, top), slowest * slower, 1.0) for slower in (0.85, 0.7, 0.55, 0.4)]
    else:
        steps += [(min(6, top), slowest, 0.93**step) for step in range(22, 48, 2) if width * 0.93**step >= 32]
    ladder = []
    for quality, slower, smaller in dict.fromkeys(steps):
        size = _quality_share(options.format, quality, top) * slower ** (0.8 if video else 1.0) * smaller**1.6
        fps = asked if slower == 1.0 else max(least, rate * slower)
        pixels = options.width if smaller == 1.0 else max(16, int(width * smaller) // 2 * 2)
        ladder.append((size, Try(quality, fps, pixels, lasts)))
    return ladder


def _quality_share(format: str, quality: int, top: int) -> float:
    """Bytes at a quality against those at the top one, roughly; what is measured corrects it."""
    per_step = {"webp": 0.990, "gif": 0.994, "apng": 0.990}.get(format, 0.976)
    palette = 0.3 if format == "apng" and quality < 80 <= top else 1.0
    return float(per_step ** (top - quality)) * palette
