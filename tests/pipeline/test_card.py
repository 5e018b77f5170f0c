"""The card tells what is in the file, whatever made it."""

import hashlib
import os
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.clips import draw, draw_apng, draw_gif, draw_still, draw_webp
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
