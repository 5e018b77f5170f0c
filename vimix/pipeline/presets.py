"""What the platforms take, as rows, and how a file is made to fit: a preset's limits or a plain number of bytes.

Limits as published: core.telegram.org/stickers, github.com/WhatsApp/stickers, discord.com/developers (sticker, emoji),
creator.line.me. Slack's and Signal's are what their users report. A platform's "KB" is read as 1000 bytes, the stricter
way. The last word is `complies`, which looks at the finished file.
"""

import math
import re
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from vimix.errors import Refused, UsageError, tidy
from vimix.frame import ClipInfo
from vimix.options import Format, Options

KB = 1000
TRIES = 6
"""Encodes that a search may take."""
_AIM = 0.93
"""Share of the limit that is aimed at: a guess that lands just above costs another encode."""
_WELL = 0.7
"""Share of the limit from which on a file that fits is good enough."""
_LOWEST_FPS = 6.0
_VIDEO: frozenset[str] = frozenset({"webm", "mov", "hevc", "mp4", "matte"})


@dataclass(frozen=True, slots=True)
class Target:
    """What a file must be to be taken; a plain budget has only `max_bytes`."""

    name: str
    label: str
    max_bytes: int
    formats: tuple[Format, ...] = ()
    """Those that are taken, ours first; none: any."""
    canvas: tuple[int, int] | None = None
    """Width and height that we make, in pixels."""
    sides: Literal["exact", "one", "within"] = "exact"
    """What the platform asks of them: exactly these, one side exactly and none larger, or none larger."""
    max_seconds: float | None = None
    max_fps: float | None = None
    min_frame_seconds: float = 0.0
    frames: tuple[int, int] | None = None
    """Fewest and most."""
    whole_seconds: bool = False
    """Whether it must last a whole number of seconds."""
    audio: bool = True
    loops: int = 0
    """How often it plays; 0: for ever."""
    advice: str = ""


PRESETS: dict[str, Target] = {
    row.name: row
    for row in (
        Target(
            "telegram-sticker", "Telegram sticker", 256 * KB, ("webm",), (512, 512), "one", 3, 30, audio=False,
            advice="A white outline and a soft shadow make it stand out on any background.",
        ),
        Target("telegram-emoji", "Telegram emoji", 256 * KB, ("webm",), (100, 100), "exact", 3, 30, audio=False),
        Target(
            "whatsapp-sticker", "WhatsApp sticker", 500 * KB, ("webp",), (512, 512), "exact", 10, 60, 0.008,
            audio=False, advice="It comes to rest on its first frame: let that show the subject.",
        ),
        Target("discord-sticker", "Discord sticker", 512 * KB, ("apng", "gif"), (320, 320), "exact", 5, audio=False),
        Target("discord-emoji", "Discord emoji", 256 * KB, ("webp", "gif"), (128, 128), "within", audio=False),
        Target(
            "slack-emoji", "Slack emoji", 128 * KB, ("gif",), (128, 128), "within", frames=(1, 50), audio=False,
        ),
        Target(
            "line-sticker", "LINE sticker", 300 * KB, ("apng",), (320, 270), "within", 4, frames=(5, 20), audio=False,
            whole_seconds=True, loops=1, advice="It is cut to a whole number of seconds, as LINE asks.",
        ),
        Target("signal-sticker", "Signal sticker", 300 * KB, ("apng",), (512, 512), "within", 3, audio=False),
    )
}  # fmt: skip

_UNITS = {"b": 1, "kb": 1000, "kib": 1024, "mb": 1000**2, "mib": 1024**2}


def parse_fit(text: str) -> Target:
    """A preset by its name, or a budget such as `500KB`; `UsageError` for anything else."""
    name = text.strip().lower()
    if name in PRESETS:
        return PRESETS[name]
    found = re.fullmatch(r"(\d{1,9}(?:\.\d{1,3})?)\s*([km]?i?b)", name)
    if not found or found[2] not in _UNITS:
        raise UsageError(f"fit is a size such as 500KB, or one of {', '.join(PRESETS)}; not {text!r}.")
    size = int(float(found[1]) * _UNITS[found[2]])
    if size < KB:
        raise UsageError("fit: no clip fits into less than 1 KB.")
    return Target(name, text.strip(), size)


def settle(options: Options, target: Target) -> tuple[Options, list[str]]:
    """The options with what the target leaves no choice about, and what had to change, in sentences."""
    changes: dict[str, object] = {}
    said: list[str] = []
    if options.lossless:
        changes["lossless"] = False
        said.append("Lossless was left out: a size can only be met with loss.")
    if target.formats and options.format not in target.formats:
        changes["format"] = target.formats[0]
        if options.format != Options.model_fields["format"].default:
            said.append(f"{target.label} takes {' or '.join(target.formats)}: {target.formats[0]} was made.")
        options = options.model_copy(update=changes)  # each format has its own habit of fps
    if target.max_fps and (options.max_fps is None or options.max_fps > target.max_fps):
        changes["fps"] = float(target.max_fps)
    if target.max_seconds and (options.end is None or options.end - options.start > target.max_seconds):
        changes["end"] = options.start + target.max_seconds
    if target.canvas:
        changes["width"] = None
    return options.model_copy(update=changes), said


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
        raise Refused(f"Even at its smallest this has more than {target.max_bytes // KB} KB: choose a shorter part.")


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


def check(output: Mapping[str, Any], target: Target) -> list[str]:
    """Why a file is not taken there, in sentences; empty if it is. `output` is that part of a card."""
    return [reason for reason in _reasons(output, target) if reason]


def _reasons(output: Mapping[str, Any], target: Target) -> Iterable[str]:
    if target.formats and output["format"] not in target.formats:
        yield f"must be {' or '.join(target.formats)}"
    if output["bytes"] > target.max_bytes:
        yield f"{tidy(output['bytes'] / KB, 0)} KB of {target.max_bytes // KB} KB"
    if target.canvas:
        yield _wrong_size((output["width"], output["height"]), target)
    seconds, frames = output["seconds"] or 0.0, output["frames"]
    if target.max_seconds and seconds > target.max_seconds + 0.001:
        yield f"{tidy(seconds, 2)} s of {target.max_seconds:g} s"
    if frames > 1 and seconds:
        if target.max_fps and frames / seconds > target.max_fps + 0.2:
            yield f"{tidy(frames / seconds)} frames a second of {target.max_fps:g}"
        if seconds / frames < target.min_frame_seconds:
            yield f"frames of less than {target.min_frame_seconds * 1000:g} ms"
    if target.frames and not target.frames[0] <= frames <= target.frames[1]:
        yield f"{frames} frames; {target.frames[0]} to {target.frames[1]} are taken"
    if target.whole_seconds and abs(seconds - round(seconds)) > 0.005:
        yield f"{tidy(seconds, 2)} s is not a whole number of seconds"
    if output["audio"] and not target.audio:
        yield "must be silent"


def _wrong_size(size: tuple[int, int], target: Target) -> str:
    width, height = target.canvas or size
    fits = size[0] <= width and size[1] <= height
    good = {"exact": size == target.canvas, "within": fits, "one": fits and (size[0] == width or size[1] == height)}
    how = {"exact": "must be", "within": "must be within", "one": "must have one side of and fit into"}[target.sides]
    return "" if good[target.sides] else f"{size[0]}x{size[1]} pixels; {how} {width}x{height}"
