"""Every preset's file passes its platform's published limits when it is read back, within six encodes."""

import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from tests.clips import draw_webp
from tests.sinks.readback import drawn
from vimix.errors import Refused, UsageError
from vimix.frame import ClipInfo, Frame
from vimix.media.timing import limit_fps
from vimix.options import Options
from vimix.pipeline.card import inspect
from vimix.pipeline.fit import TRIES, Try, search
from vimix.pipeline.presets import PRESETS, apply_preset, check, parse_fit
from vimix.pipeline.request import Resources, open_request
from vimix.sinks import Encoding, TooManyBytes, open_sink

INFO = ClipInfo(1280, 720, Fraction(30), Fraction(10), 300, "h264", "mp4")


def noisy(seconds: float, size: tuple[int, int], fps: float) -> list[Frame]:
    """A clip that is hard to compress."""
    noise = np.random.default_rng(7).integers(-25, 25, (size[1], size[0], 3))
    frames = drawn(math.ceil(seconds * fps), size, fps)
    rgbs = [np.clip(np.roll(noise, number, axis=1) + frame.rgb, 0, 255) for number, frame in enumerate(frames)]
    return [
        Frame(rgb.astype(np.uint8), frame.alpha, frame.time, frame.duration)
        for rgb, frame in zip(rgbs, frames, strict=True)
    ]


def encode(step: Try, name: str, options: Options, path: Path, seconds: float) -> int | None:
    """What the pipeline does with a try: its size, None if there was too much of it."""
    target = parse_fit(name)
    canvas = target.canvas or (step.width or 320, (step.width or 320) * 9 // 16)
    encoding = Encoding(step.quality, threads=2, max_bytes=target.max_bytes, loops=target.loops)
    try:
        with open_sink(options.format, path, encoding) as sink:
            for frame in limit_fps(step.fps, step.seconds)(noisy(seconds, canvas, 12)):
                sink.write(frame)
    except TooManyBytes:
        return None
    return path.stat().st_size


@pytest.mark.parametrize(
    ("name", "seconds"), [(name, 0.5) for name in PRESETS] + [("line-sticker", 1.5), ("line-sticker", 3.75)]
)
def test_a_preset_is_met(name: str, seconds: float, tmp_path: Path) -> None:
    options = apply_preset(Options(fit=name), PRESETS[name]).options
    info = ClipInfo(320, 180, Fraction(12), Fraction(seconds), int(12 * seconds), "h264", "mp4")
    tries = search(PRESETS[name], info, options)
    step, count = next(tries), 1
    while True:
        size = encode(step, name, options, tmp_path / "out", seconds)
        try:
            step, count = tries.send(size), count + 1
        except StopIteration:
            break
    assert count <= TRIES
    card = inspect(tmp_path / "out")
    assert check(card["output"], PRESETS[name]) == []
    assert card["complies"][name] is True


@pytest.mark.parametrize("format", ["webp", "webm", "gif", "apng"])
@pytest.mark.parametrize("over", [1.05, 1.5, 3, 8, 20])
@pytest.mark.parametrize("power", [0.7, 1.0, 1.4])
def test_the_search_ends_below_the_limit_and_not_far_below(format: str, over: float, power: float) -> None:
    """Over files whose size answers more or less strongly than was expected."""
    target = parse_fit("500KB")
    options = Options(fit="500KB", format=format)
    tries = search(target, INFO, options)
    step = first = next(tries)
    best, count = 0, 0
    while True:
        count += 1
        pixels = ((step.width or 1280) / (first.width or 1280)) ** 1.8
        share = pixels * ((step.fps or 30) / (first.fps or 30)) * 0.985 ** (first.quality - step.quality)
        size = int(target.max_bytes * over * share**power)
        best = size if size <= target.max_bytes else best
        try:
            step = tries.send(size)
        except StopIteration:
            break
    assert best > 0.65 * target.max_bytes
    assert count <= TRIES


def test_what_cannot_fit_is_said() -> None:
    tries = search(parse_fit("2KB"), INFO, Options())
    next(tries)
    for _ in range(TRIES - 1):
        tries.send(None)
    with pytest.raises(Refused, match="2 KB"):
        tries.send(None)


def test_a_preset_settles_what_leaves_no_choice() -> None:
    applied = apply_preset(
        Options(fit="telegram-sticker", start=2, width=640, lossless=True), PRESETS["telegram-sticker"]
    )
    options, said = applied.options, applied.remarks
    assert (options.format, options.end, options.fps, options.width) == ("webm", 5, 30, None)
    assert not options.lossless
    assert any("Lossless" in sentence for sentence in said)
    assert applied.trimmed == "Only the first 3 seconds are kept: Telegram sticker allows no more."
    asked = apply_preset(Options(fit="telegram-sticker", start=2, end=5), PRESETS["telegram-sticker"])
    assert (asked.options.end, asked.trimmed) == (5, "")  # the visitor's own choice, equal to what the preset allows
    kept = apply_preset(Options(format="gif", end=2, fps=10), PRESETS["discord-sticker"]).options
    assert (kept.format, kept.end, kept.fps) == ("gif", 2, 10)
    line = next(search(PRESETS["line-sticker"], INFO, apply_preset(Options(), PRESETS["line-sticker"]).options))
    assert line.fps == 2  # twenty frames of ten seconds


def test_sizes_are_read_as_people_write_them() -> None:
    assert [parse_fit(text).max_bytes for text in ("500KB", "500 kb", "1.5MB", "64KiB", "90000b")] == [
        500_000, 500_000, 1_500_000, 65_536, 90_000,
    ]  # fmt: skip
    for text in ("", "500", "big", "0.5KB", "-3KB", "500XB", "1e9KB"):
        with pytest.raises(UsageError):
            parse_fit(text)


def test_each_limit_is_named_when_it_is_broken() -> None:
    fine = {"format": "webp", "bytes": 1, "seconds": 3.0, "frames": 30, "width": 512, "height": 512, "audio": False}
    target = PRESETS["whatsapp-sticker"]
    assert check(fine, target) == []
    for change, word in (
        ({"format": "gif"}, "webp"),
        ({"bytes": 600_000}, "600 KB, at most 500 KB"),
        ({"width": 500}, "500x512"),
        ({"seconds": 11.0}, "11 s, at most 10 s"),
        ({"frames": 200}, "frames per second"),
        ({"audio": True}, "silent"),
    ):
        assert word in "; ".join(check(fine | change, target))
    assert "whole" in check(fine | {"seconds": 2.5, "frames": 10, "format": "apng"}, PRESETS["line-sticker"])[1]
    assert check(fine | {"width": 300, "format": "webm"}, PRESETS["telegram-sticker"]) == []


@pytest.mark.parametrize(("frames", "most"), [(1, 100_000), (5, 500_000)])
def test_a_still_is_made_for_the_limit_of_stills(tmp_path: Path, frames: int, most: int) -> None:
    path = draw_webp(tmp_path / "a.webp", frames=frames).path
    options = Options(fit="whatsapp-sticker", format="webp")
    request = open_request(path, options, Resources(tmp_path), None)
    assert request.target is not None
    assert request.target.max_bytes == most
