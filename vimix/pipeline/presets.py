"""What the platforms take, as rows: a preset's limits, or a plain number of bytes.

Limits as published: core.telegram.org/stickers, github.com/WhatsApp/stickers, discord.com/developers (sticker, emoji),
creator.line.me. Slack's and Signal's are what their users report. A platform's "KB" is read as 1000 bytes, the stricter
way. The last word is `complies`, which looks at the finished file.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from vimix.errors import UsageError, tidy
from vimix.options import Format, Options

KB = 1000


@dataclass(frozen=True, slots=True)
class Target:
    """What a file must be to be taken; a plain budget has only `max_bytes`."""

    name: str
    label: str
    max_bytes: int
    """Of something that moves, and of a still unless `max_still_bytes` says otherwise."""
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
    codec: str = ""
    """The only codec that is taken, where a format of ours can hold others."""
    max_still_bytes: int | None = None

    def of(self, frames: int | None) -> "Target":
        """What counts for something of so many frames."""
        if frames != 1 or self.max_still_bytes is None:
            return self
        return replace(self, max_bytes=self.max_still_bytes)


PRESETS: dict[str, Target] = {
    row.name: row
    for row in (
        Target(
            "telegram-sticker", "Telegram sticker", 256 * KB, ("webm",), (512, 512), "one", 3, 30, audio=False,
            advice="A white outline and a soft shadow make it stand out on any background.", codec="vp9",
        ),
        Target(
            "telegram-emoji", "Telegram emoji", 256 * KB, ("webm",), (100, 100), "exact", 3, 30, audio=False,
            codec="vp9",
        ),
        Target(
            "whatsapp-sticker", "WhatsApp sticker", 500 * KB, ("webp",), (512, 512), "exact", 10, 60, 0.008,
            audio=False, advice="It stops on its first frame, so make sure the subject is in it.",
            max_still_bytes=100 * KB,
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


@dataclass(frozen=True, slots=True)
class Applied:
    """Options with what a preset leaves no choice about."""

    options: Options
    remarks: list[str]
    """What had to change although it was asked for otherwise, in sentences."""
    trimmed: str = ""
    """If the preset set `options.end`: the sentence to say so, where the clip turns out to be longer."""


def apply_preset(options: Options, target: Target) -> Applied:
    """The options as `target` takes them: format, frame rate, length and size."""
    changes: dict[str, object] = {}
    remarks: list[str] = []
    trimmed = ""
    if options.lossless:
        changes["lossless"] = False
        remarks.append("Lossless was turned off: a size limit needs lossy compression.")
    if target.formats and options.format not in target.formats:
        changes["format"] = target.formats[0]
        if options.format != Options.model_fields["format"].default:
            remarks.append(f"{target.label} needs {' or '.join(target.formats)}, so {target.formats[0]} was made.")
        options = options.model_copy(update=changes)  # each format has its own default of fps
    if target.max_fps and (options.max_fps is None or options.max_fps > target.max_fps):
        changes["fps"] = float(target.max_fps)
    if target.max_seconds and (options.end is None or options.end - options.start > target.max_seconds):
        changes["end"] = options.start + target.max_seconds
        trimmed = f"Only the first {target.max_seconds:g} seconds are kept: {target.label} allows no more."
    if target.canvas:
        changes["width"] = None
    return Applied(options.model_copy(update=changes), remarks, trimmed)


def apply_fit(options: Options) -> Applied:
    """The options as their own `fit` takes them; as they are without one. Raises `UsageError`."""
    return apply_preset(options, parse_fit(options.fit)) if options.fit else Applied(options, [])


def check(output: Mapping[str, Any], target: Target) -> list[str]:
    """Why a file is not taken there, in sentences; empty if it is. `output` is that part of a card."""
    return [reason for reason in _reasons(output, target) if reason]


def _reasons(output: Mapping[str, Any], target: Target) -> Iterable[str]:
    if target.formats and output["format"] not in target.formats:
        yield f"must be {' or '.join(target.formats)}"
    elif target.codec and output.get("codec", target.codec) != target.codec:
        yield f"must use the codec {target.codec.upper()}, not {output['codec'].upper()}"
    target = target.of(output["frames"])
    if output["bytes"] > target.max_bytes:
        yield f"{tidy(output['bytes'] / KB, 0)} KB, at most {target.max_bytes // KB} KB"
    if target.canvas:
        yield _wrong_size((output["width"], output["height"]), target)
    seconds, frames = output["seconds"] or 0.0, output["frames"]
    if target.max_seconds and seconds > target.max_seconds + 0.001:
        yield f"{tidy(seconds, 2)} s, at most {target.max_seconds:g} s"
    if frames > 1 and seconds:
        if target.max_fps and frames / seconds > target.max_fps + 0.2:
            yield f"{tidy(frames / seconds)} frames per second, at most {target.max_fps:g}"
        if seconds / frames < target.min_frame_seconds:
            yield f"frames shorter than {target.min_frame_seconds * 1000:g} ms"
    if target.frames and not target.frames[0] <= frames <= target.frames[1]:
        yield f"{frames} frames, must be {target.frames[0]} to {target.frames[1]}"
    if target.whole_seconds and abs(seconds - round(seconds)) > 0.005:
        yield f"{tidy(seconds, 2)} s is not a whole number of seconds"
    if output["audio"] and not target.audio:
        yield "must be silent"


def _wrong_size(size: tuple[int, int], target: Target) -> str:
    width, height = target.canvas or size
    fits = size[0] <= width and size[1] <= height
    good = {"exact": size == target.canvas, "within": fits, "one": fits and (size[0] == width or size[1] == height)}
    how = {"exact": "must be", "within": "must be within", "one": "must fill one side of"}[target.sides]
    return "" if good[target.sides] else f"{size[0]}x{size[1]} pixels, {how} {width}x{height}"
