"""The card tells what is in the file, whatever made it."""

import hashlib
import os
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.clips import draw, draw_apng, draw_gif, draw_still, draw_webp, ffmpeg
from tests.sinks.readback import drawn
from vimix.errors import Refused, Unreadable
from vimix.frame import Frame
from vimix.pipeline.card import inspect
from vimix.sinks import FORMATS, AudioFrom, Encoding, open_sink


def made(name: str, path: Path, frames: list[Frame], **how: Any) -> dict[str, Any]:
    with open_sink(name, path, Encoding(**how)) as sink:
        for frame in frames:
            sink.write(frame)
    return inspect(path)


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_read_back(name: str, tmp_path: Path) -> None:
    clip = draw(tmp_path / "clip.mp4", frames=8, audio=True)
    path = tmp_path / ("out" + FORMATS[name].suffix)
    card = made(name, path, drawn(8), audio=AudioFrom(clip.path), fps=Fraction(10))
    output = card["output"]
    assert output["format"] == name
    assert (output["width"], output["height"], output["frames"]) == (96, 64, 8)
    assert output["seconds"] == pytest.approx(0.8, abs=0.011)
    assert output["alpha"] is FORMATS[name].alpha
    assert output["audio"] is FORMATS[name].audio
    assert output["bytes"] == path.stat().st_size
    assert output["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert card["plays_in"] == list(FORMATS[name].plays_in)


@pytest.mark.parametrize("name", [name for name, row in FORMATS.items() if row.alpha])
def test_alpha_is_what_is_decoded_not_what_is_declared(name: str, tmp_path: Path) -> None:
    frames = [Frame(frame.rgb, np.full_like(frame.alpha, 255), frame.time, frame.duration) for frame in drawn(3)]
    assert made(name, tmp_path / ("a" + FORMATS[name].suffix), frames)["output"]["alpha"] is False


def test_files_of_others(tmp_path: Path) -> None:
    for path, draw_it in (("a.gif", draw_gif), ("a.webp", draw_webp), ("a.png", draw_apng)):
        output = inspect(draw_it(tmp_path / path, frames=5, alpha=True).path)["output"]
        assert (output["frames"], output["seconds"], output["alpha"]) == (5, 0.5, True)
    still = inspect(draw_still(tmp_path / "a.jpg").path)["output"]
    assert (still["format"], still["frames"], still["seconds"], still["alpha"]) == ("jpeg", 1, 0, False)
    plain = inspect(draw(tmp_path / "a.mkv", fps=Fraction(30000, 1001), frames=6).path)["output"]
    assert (plain["format"], plain["frames"], plain["alpha"], plain["audio"]) == ("mkv", 6, False, False)


def test_what_is_no_picture_is_refused_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "a.webp"
    for content in (b"PK\x03\x04 not a zip", b"hello", b"RIFF\x10\0\0\0WEBPVP8 \x04\0\0\0abcd", b"", b"GIF89a"):
        path.write_bytes(content)
        with pytest.raises((Unreadable, Refused)):
            inspect(path)


def test_what_is_no_file_is_said_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, tmp_path / "missing", Path("/dev/zero")):
        with pytest.raises(Unreadable, match="no such file"):
            inspect(path)


def test_a_long_webp_is_inspected_without_decoding_it(tmp_path: Path) -> None:
    frames = drawn(200, (320, 180), fps=20)
    path = tmp_path / "a.webp"
    assert made("webp", path, frames)["output"]["seconds"] == pytest.approx(10, abs=0.001)
    began = time.process_time()
    inspect(path)
    assert time.process_time() - began < 0.15


def test_each_platform_says_yes_or_why_not(tmp_path: Path) -> None:
    card = made("webp", tmp_path / "a.webp", drawn(10, (512, 512)))
    assert card["complies"]["whatsapp-sticker"] is True
    assert "webm" in card["complies"]["telegram-sticker"]
    assert "128x128" in card["complies"]["discord-emoji"]


@pytest.mark.parametrize(
    ("suffix", "args", "plays"),
    [
        (".webm", ("-c:v", "libvpx-vp9"), True),
        (".webm", ("-c:v", "libvpx"), False),
        (".webm", ("-c:v", "libaom-av1", "-cpu-used", "8"), False),
        (".mp4", ("-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "aac"), True),
        (".mp4", ("-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "ac3"), False),
        (".mp4", ("-c:v", "libx264", "-pix_fmt", "yuv444p"), False),
        (".mp4", ("-c:v", "libx264", "-pix_fmt", "yuv420p10le"), False),
        (".mp4", ("-c:v", "libx265", "-x265-params", "log-level=none"), False),
        (".mov", ("-c:v", "libx264", "-pix_fmt", "yuv420p"), False),
        (".mkv", ("-c:v", "libvpx-vp9"), False),
    ],
)  # fmt: skip
def test_the_codec_decides_where_it_plays_and_who_takes_it(
    tmp_path: Path, suffix: str, args: tuple[str, ...], plays: bool
) -> None:
    clip = draw(tmp_path / "a.mp4", frames=3, size=(512, 512), audio=suffix == ".mp4").path
    ffmpeg("-i", clip, *args, tmp_path / f"b{suffix}")
    card = inspect(tmp_path / f"b{suffix}")
    assert bool(card["plays_in"]) is plays
    assert (card["complies"]["telegram-sticker"] is True) is (suffix == ".webm" and plays)
    if suffix == ".webm" and not plays:
        said = card["complies"]["telegram-sticker"]
        assert said == f"must use the codec VP9, not {card['output']['codec'].upper()}"


def test_what_becomes_clear_late_is_seen(tmp_path: Path) -> None:
    frames = [
        Frame(frame.rgb, frame.alpha if number > 20 else np.full_like(frame.alpha, 255), frame.time, frame.duration)
        for number, frame in enumerate(drawn(24))
    ]
    for name in ("webm", "webp", "mov", "png-zip"):
        assert made(name, tmp_path / f"a{FORMATS[name].suffix}", frames)["output"]["alpha"] is True


def test_a_still_sticker_has_a_limit_of_its_own(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (512, 512, 3)).astype(np.uint8)
    clear = np.zeros((512, 512), np.uint8)
    clear[20:-20, 20:-20] = 255
    frames = [
        Frame(np.roll(noise, number, axis=0), clear, Fraction(number, 10), Fraction(1, 10)) for number in range(2)
    ]
    still = made("webp", tmp_path / "a.webp", frames[:1], quality=80)
    moving = made("webp", tmp_path / "b.webp", frames, quality=80)
    assert 100_000 < still["output"]["bytes"] < moving["output"]["bytes"] < 500_000
    assert str(still["complies"]["whatsapp-sticker"]).endswith("KB, at most 100 KB")
    assert moving["complies"]["whatsapp-sticker"] is True
