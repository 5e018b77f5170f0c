"""The bundle of foreground and matte: straight colours, and a card that looks into both videos."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from tests.sinks.readback import drawn, read_back
from vimix.errors import Unreadable
from vimix.frame import Frame
from vimix.pipeline.card import inspect
from vimix.sinks import Encoding, open_sink


def write(path: Path, frames: list[Frame]) -> None:
    with open_sink("bundle", path, Encoding(quality=95)) as sink:
        for frame in frames:
            sink.write(frame)


def test_no_background_is_left_in_the_foreground(tmp_path: Path) -> None:
    """Red on green, half of it half clear: straight colours are red there, and nothing is green anywhere."""
    rgb = np.full((64, 96, 3), (0, 200, 0), np.uint8)
    rgb[:, 32:64] = (200, 0, 0)
    alpha = np.zeros((64, 96), np.uint8)
    alpha[:, 32:64], alpha[:, 48:64] = 255, 128
    frames = [Frame(rgb, alpha, frame.time, frame.duration) for frame in drawn(3)]
    write(tmp_path / "a.zip", frames)
    read = read_back(tmp_path / "a.zip", "bundle").rgba.astype(int)
    assert np.abs(read[:, :, 36:60, :3] - (200, 0, 0)).mean() < 6
    assert read[..., 1].max() < 60
    assert np.abs(read[:, 4:-4, 52:60, 3] - 128).max() < 8


def test_the_card_looks_into_both(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    write(path, drawn(5))
    card = inspect(path)
    shown = {name: card["output"][name] for name in ("format", "codec", "frames", "width", "height", "alpha", "audio")}
    assert shown == {
        "format": "bundle", "codec": "h264", "frames": 5, "width": 96, "height": 64, "alpha": True, "audio": False
    }  # fmt: skip
    white = [Frame(frame.rgb, np.full_like(frame.alpha, 255), frame.time, frame.duration) for frame in drawn(3)]
    write(tmp_path / "b.zip", white)
    assert inspect(tmp_path / "b.zip")["output"]["alpha"] is False
    with zipfile.ZipFile(path) as one, zipfile.ZipFile(tmp_path / "b.zip") as other:
        mixed = {"foreground.mp4": one.read("foreground.mp4"), "matte.mp4": other.read("matte.mp4")}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in mixed.items():
            archive.writestr(name, content)
    with pytest.raises(Unreadable, match="do not belong together"):
        inspect(path)
