"""A sprite sheet: all frames in the cells of one PNG, with a JSON that says which is where and for how long.

The JSON is the hash layout that TexturePacker and Aseprite write and that Phaser, PixiJS, Godot and Unity importers
read. Cells have the frame's size and stand in rows, so the sheet can be used without the JSON as well.
"""

import io
import json
import math
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from vimix.errors import Refused
from vimix.frame import Frame
from vimix.sinks.base import Encoder, Encoding
from vimix.sinks.pixels import cleared
from vimix.sinks.pool import Ordered

SHEET, INDEX = "sprites.png", "sprites.json"
MOST_SIDE = 8192
"""Pixels of width or height of a sheet: what graphics chips of the last ten years take as one texture. It also bounds
the memory: 268 MB while the sheet is written."""
_ANIMATION = "clip"


class Sprites:
    """An `Encoder` that keeps its frames compressed until it knows how many there are."""

    def __init__(self, path: Path, threads: int, width: int, height: int) -> None:
        self._zip = zipfile.ZipFile(path, "w", zipfile.ZIP_STORED)
        self._size = width, height
        self._ends: list[int] = []
        self._cells: list[bytes] = []
        self._pool = Ordered(_packed, self._cells.append, workers=threads, size=4 * width * height)

    def add(self, frame: Frame) -> None:
        """Hand a frame to the threads. Raises `Refused` for one more than a sheet has room for."""
        width, height = self._size
        most = (MOST_SIDE // width) * (MOST_SIDE // height)
        if len(self._ends) == most:
            raise Refused(
                f"A sprite sheet has room for {most} frames of this size. Choose a smaller size, fewer frames a second "
                "or a shorter part."
            )
        if not self._ends:
            self._ends.append(0)
            self._begin = frame.time
        self._ends.append(round((frame.time + frame.duration - self._begin) * 1000))
        self._pool.put(frame)

    def finish(self) -> None:
        """Put the sheet together, and store it with its JSON."""
        self._pool.finish()
        width, height = self._size
        columns = self._columns()
        rows = -(-len(self._cells) // columns)
        sheet = np.zeros((rows * height, columns * width, 4), np.uint8)
        places = [(number % columns * width, number // columns * height) for number in range(len(self._cells))]
        for (x, y), cell in zip(places, self._cells, strict=True):
            rgba = np.frombuffer(zlib.decompress(cell), np.uint8).reshape(height, width, 4)
            sheet[y : y + height, x : x + width] = rgba
        file = io.BytesIO()
        Image.fromarray(sheet).save(file, "PNG")
        self._zip.writestr(SHEET, file.getvalue())
        self._zip.writestr(INDEX, json.dumps(self._index(places, sheet.shape[1], sheet.shape[0]), indent=1))
        self._zip.close()

    def abort(self) -> None:
        """Let go of threads and file."""
        self._pool.close()
        self._zip.close()

    def _columns(self) -> int:
        """So many that the sheet is about as wide as high, and no side is too long."""
        width, height = self._size
        count = len(self._cells)
        columns = math.ceil(math.sqrt(count * height / width))
        rows = MOST_SIDE // height
        return min(max(1, columns, -(-count // rows)), MOST_SIDE // width)

    def _index(self, places: list[tuple[int, int]], width: int, height: int) -> dict[str, Any]:
        wide, high = self._size
        frames = {
            f"{_ANIMATION}_{number + 1:04}.png": {
                "frame": {"x": x, "y": y, "w": wide, "h": high},
                "rotated": False,
                "trimmed": False,
                "spriteSourceSize": {"x": 0, "y": 0, "w": wide, "h": high},
                "sourceSize": {"w": wide, "h": high},
                "duration": self._ends[number + 1] - self._ends[number],
            }
            for number, (x, y) in enumerate(places)
        }
        tag = {"name": _ANIMATION, "from": 0, "to": len(places) - 1, "direction": "forward"}
        meta = {"app": "Vimix", "version": "1.0", "image": SHEET, "format": "RGBA8888", "scale": "1"}
        return {
            "frames": frames,
            "animations": {_ANIMATION: list(frames)},
            "meta": meta | {"size": {"w": width, "h": height}, "frameTags": [tag]},
        }


def _packed(frame: Frame) -> bytes:
    """RGBA with black under clear pixels, compressed quickly: it is only kept."""
    return zlib.compress(np.dstack((cleared(frame.rgb, frame.alpha), frame.alpha)).tobytes(), 1)


def sprites(path: Path, encoding: Encoding, width: int, height: int) -> Encoder:
    """Begin such a zip."""
    return Sprites(path, encoding.threads, width, height)
