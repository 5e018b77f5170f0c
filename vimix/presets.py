"""What the platforms take, as rows, and how a file is made to fit: a preset's limits or a plain number of bytes.

Limits as published: core.telegram.org/stickers, github.com/WhatsApp/stickers, discord.com/developers (sticker, emoji),
creator.line.me. Slack's and Signal's are what their users report. A platform's "KB" is read as 1000 bytes, the stricter
way. The last word is `complies`, which looks at the finished file.
"""

import re
from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal

from vimix.errors import Refused, UsageError
from vimix.frame import ClipInfo
from vimix.options import Format, Options

KB = 1000
TRIES = 6
"""Encodes that a search may take."""
_AIM = 0.93
"""Share of the limit that is aimed at: a guess that lands just above costs another encode."""
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
            loops=1, advice="LINE wants a whole number of seconds.",
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


def search(target: Target, info: ClipInfo, options: Options) -> Generator[Try, int | float | None, None]:
    """Ways to encode until one fits: best first, then as much less as the measured size says.

    Send the size in bytes of each; a float is how many times the limit an unfinished one would have had; None says only
    that it was too large. Ends after the first that fits. `Refused` where nothing does.
    """
    ladder = list(_ladder(target, info, options))
    at, slope = 0, 1.0
    known: tuple[float, float] | None = None
    for attempt in range(TRIES):
        guess, step = ladder[at]
        answer = yield step
        if isinstance(answer, int) and answer <= target.max_bytes:
            return
        over = answer / target.max_bytes if isinstance(answer, int) else answer or 2.5
        if known and known[1] > over and known[0] > guess:
            slope = min(1.5, max(0.4, (known[1] / over - 1) / (known[0] / guess - 1)))
        known = (guess, over)
        if at == len(ladder) - 1:
            break
        wanted = guess * (_AIM / max(over, 1.0)) ** (1 / slope)
        found = next((place for place, (size, _) in enumerate(ladder) if size <= wanted), len(ladder) - 1)
        at = len(ladder) - 1 if attempt == TRIES - 2 else max(at + 1, found)
    raise Refused(
        f"Even at its smallest this is more than {target.max_bytes // KB} KB: choose a shorter part of the clip."
    )


def _ladder(target: Target, info: ClipInfo, options: Options) -> Iterator[tuple[float, Try]]:
    """Ways to encode with the size each is expected to have against the first: quality goes first, then frames, then
    pixels where the size is ours to choose."""
    video = options.format in _VIDEO
    rate = min(float(info.fps), options.max_fps or 1000.0, target.max_fps or 1000.0)
    if target.frames and info.seconds:
        rate = min(rate, target.frames[1] / float(info.seconds))
    asked = rate if rate < float(info.fps) or options.max_fps else None
    width = options.width or info.width
    top = options.encode_quality
    steps = [(quality, 1.0, 1.0) for quality in (top, 65, 50) if quality <= top]
    steps += [(min(top, 50), slower, 1.0) for slower in (0.8, 0.65, 0.5) if rate * slower >= _LOWEST_FPS]
    slowest = steps[-1][1]
    if target.canvas is None and not info.still:
        steps += [(min(top, 50), slowest, smaller) for smaller in (0.85, 0.72, 0.6, 0.5, 0.42, 0.35, 0.29, 0.24)]
    smallest = steps[-1][2]
    steps += [
        (quality, slower, smallest)
        for slower, quality in product((slowest, slowest * 0.7), (35, 20, 8))
        if quality < top
    ]
    for quality, slower, smaller in dict.fromkeys(steps):
        size = _quality_share(options.format, quality, top) * slower ** (0.8 if video else 1.0) * smaller**1.6
        fps = asked if slower == 1.0 else max(1.0, rate * slower)
        pixels = options.width if smaller == 1.0 else max(16, int(width * smaller) // 2 * 2)
        yield size, Try(quality, fps, pixels)


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
        yield f"{output['bytes'] / KB:.0f} KB of {target.max_bytes // KB} KB"
    if target.canvas:
        yield _wrong_size((output["width"], output["height"]), target)
    seconds, frames = output["seconds"] or 0.0, output["frames"]
    if target.max_seconds and seconds > target.max_seconds + 0.001:
        yield f"{seconds:.2f} s of {target.max_seconds:g} s"
    if frames > 1 and seconds:
        if target.max_fps and frames / seconds > target.max_fps + 0.2:
            yield f"{frames / seconds:.1f} frames a second of {target.max_fps:g}"
        if seconds / frames < target.min_frame_seconds:
            yield f"frames of less than {target.min_frame_seconds * 1000:g} ms"
    if target.frames and not target.frames[0] <= frames <= target.frames[1]:
        yield f"{frames} frames; {target.frames[0]} to {target.frames[1]} are taken"
    if target.name == "line-sticker" and abs(seconds - round(seconds)) > 0.005:
        yield f"{seconds:.2f} s is not a whole number of seconds"
    if output["audio"] and not target.audio:
        yield "must be silent"


def _wrong_size(size: tuple[int, int], target: Target) -> str:
    width, height = target.canvas or size
    fits = size[0] <= width and size[1] <= height
    good = {"exact": size == target.canvas, "within": fits, "one": fits and (size[0] == width or size[1] == height)}
    how = {"exact": "must be", "within": "must be within", "one": "must have one side of and fit into"}[target.sides]
    return "" if good[target.sides] else f"{size[0]}x{size[1]} pixels; {how} {width}x{height}"
