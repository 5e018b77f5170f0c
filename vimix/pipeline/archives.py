"""What is in a zip as we make them, read back from its members: PNG frames, a bundle of two videos, a sprite sheet."""

import json
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from vimix.errors import Unreadable
from vimix.frame import Pixels
from vimix.sinks import FORMATS
from vimix.sinks.bundle import FOREGROUND, MATTE_NAME
from vimix.sinks.sprites import INDEX, MOST_SIDE, SHEET

_OPAQUE = 249
"""Alpha from which on a pixel counts as opaque: lossy codecs never quite give back 255."""
_MOST_JSON = 10**7
"""Bytes of a list of frames: a hundred times a long clip's."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a file holds."""

    format: str
    """A name of the formats table where the file is of that kind, else the container that its bytes say."""
    codec: str
    seconds: Fraction
    """When the last picture ends; 0 for a still."""
    frames: int
    """Counted, not declared."""
    size: tuple[int, int]
    alpha: bool
    """Whether a decoded picture is not opaque."""
    audio: bool = False
    plays_in: tuple[str, ...] = ()


def any_clear(alphas: Iterator[Pixels]) -> bool:
    """Whether one of them is not opaque."""
    return any(int(alpha.min(initial=255)) < _OPAQUE for alpha in alphas)


def in_zip(path: Path, in_clip: Callable[[Path], Content]) -> Content:
    """What a zip of ours holds; `in_clip` tells it of a video. Raises `Unreadable`."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            if {FOREGROUND, MATTE_NAME} <= names:
                return _bundle(archive, in_clip)
            return _sprites(archive) if INDEX in names else _frames(archive)
    except (zipfile.BadZipFile, KeyError, TypeError, ValueError, OSError) as error:
        raise Unreadable("This zip is not one of ours: it has no frames with times.", cause=repr(error)) from error


def _frames(archive: zipfile.ZipFile) -> Content:
    about, present = _json(archive, "times.json"), set(archive.namelist())
    names = [frame["file"] for frame in about["frames"] if frame["file"] in present]
    clear = any_clear(_alpha_of(archive, name) for name in names)
    size = int(about["width"]), int(about["height"])
    seconds = Fraction(about["seconds"]).limit_denominator(10**6)
    return Content("png-zip", "png", seconds, len(names), size, clear, plays_in=FORMATS["png-zip"].plays_in)


def _sprites(archive: zipfile.ZipFile) -> Content:
    """Only frames that lie inside of the sheet count."""
    frames = _json(archive, INDEX)["frames"].values()
    with archive.open(SHEET) as file, Image.open(file, formats=["PNG"]) as sheet:
        if max(sheet.size) > MOST_SIDE:
            raise Unreadable("This sprite sheet is far too large.", cause=str(sheet.size))
        alpha = np.asarray(sheet.convert("RGBA"))[..., 3]
    cells = [(int(at["x"]), int(at["y"]), int(at["w"]), int(at["h"])) for at in (frame["frame"] for frame in frames)]
    tall, wide = alpha.shape
    there = [cell for cell in cells if 0 <= cell[0] <= wide - cell[2] and 0 <= cell[1] <= tall - cell[3]]
    clear = any_clear(alpha[y : y + h, x : x + w] for x, y, w, h in there)
    seconds = Fraction(sum(int(frame["duration"]) for frame in frames), 1000)
    return Content("sprites", "png", seconds, len(there), cells[0][2:], clear, plays_in=FORMATS["sprites"].plays_in)


def _bundle(archive: zipfile.ZipFile, in_clip: Callable[[Path], Content]) -> Content:
    """The foreground as it is, where the matte has as many frames; transparent where the matte is not all white."""
    with tempfile.TemporaryDirectory(prefix="vimix-") as aside:
        for name in (FOREGROUND, MATTE_NAME):
            if archive.getinfo(name).compress_type != zipfile.ZIP_STORED:  # so it is no larger than the zip
                raise Unreadable("This zip is not one of ours: it has no frames with times.", cause="compressed")
            with archive.open(name) as packed, (Path(aside) / name).open("wb") as file:
                shutil.copyfileobj(packed, file)
        colour, matte = in_clip(Path(aside) / FOREGROUND), in_clip(Path(aside) / MATTE_NAME)
        if (colour.frames, colour.size) != (matte.frames, matte.size):
            raise Unreadable("The two videos in this zip do not belong together.")
        return replace(colour, format="bundle", alpha=matte.alpha, plays_in=FORMATS["bundle"].plays_in)


def _alpha_of(archive: zipfile.ZipFile, name: str) -> Pixels:
    with archive.open(name) as file, Image.open(file, formats=["PNG"]) as picture:
        return np.asarray(picture.convert("RGBA"))[..., 3]


def _json(archive: zipfile.ZipFile, name: str) -> Any:
    if archive.getinfo(name).file_size > _MOST_JSON:
        raise Unreadable("The list of times in this zip is far too long.")
    return json.loads(archive.read(name))
