"""Sprite sheets: cells in rows, times without drift, and a size that graphics chips take."""

import json
import zipfile
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.sinks.readback import drawn
from vimix.errors import Refused, Unreadable
from vimix.frame import Frame, opaque
from vimix.pipeline.card import inspect
from vimix.sinks import Encoding, open_sink
from vimix.sinks.sprites import MOST_SIDE


def write(path: Path, frames: list[Frame]) -> None:
    with open_sink("sprites", path, Encoding()) as sink:
        for frame in frames:
            sink.write(frame)


def test_durations_add_up_to_the_clip(tmp_path: Path) -> None:
    frames = drawn(7, fps=Fraction(24000, 1001))
    later = [Frame(frame.rgb, frame.alpha, frame.time + 5, frame.duration) for frame in frames]
    write(tmp_path / "a.zip", later)
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        durations = [row["duration"] for row in json.loads(archive.read("sprites.json"))["frames"].values()]
    assert durations == [42, 41, 42, 42, 42, 41, 42]
    assert inspect(tmp_path / "a.zip")["output"]["seconds"] == 0.292


@pytest.mark.parametrize(
    ("count", "size", "sheet"),
    [(1, (96, 64), (96, 64)), (10, (96, 64), (288, 256)), (5, (4096, 16), (4096, 80)), (600, (8, 64), (560, 576))],
)
def test_the_sheet_is_about_as_wide_as_high(
    count: int, size: tuple[int, int], sheet: tuple[int, int], tmp_path: Path
) -> None:
    width, height = size
    blank = Frame(np.zeros((height, width, 3), np.uint8), opaque(height, width), Fraction(0), Fraction(1, 10))
    write(tmp_path / "a.zip", [blank] * count)
    with zipfile.ZipFile(tmp_path / "a.zip") as archive, Image.open(archive.open("sprites.png")) as picture:
        assert picture.size == sheet


def test_more_frames_than_a_texture_holds_are_refused(tmp_path: Path) -> None:
    wide = Frame(np.zeros((4000, 16, 3), np.uint8), opaque(4000, 16), Fraction(0), Fraction(1, 10))
    most = 2 * (MOST_SIDE // 16)
    with pytest.raises(Refused, match=f"room for {most} frames"):
        write(tmp_path / "a.zip", [wide] * (most + 1))
    assert list(tmp_path.iterdir()) == []


def test_a_sheet_without_its_frames_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    write(path, drawn(4))
    with zipfile.ZipFile(path) as archive:
        index, sheet = json.loads(archive.read("sprites.json")), archive.read("sprites.png")
    index["frames"]["clip_0004.png"]["frame"]["x"] = 10_000
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("sprites.json", json.dumps(index))
        archive.writestr("sprites.png", sheet)
    assert inspect(path)["output"]["frames"] == 3
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("sprites.json", json.dumps(index))
    with pytest.raises(Unreadable, match="not one of ours"):
        inspect(path)
