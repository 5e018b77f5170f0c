"""Every frame as a PNG in one zip, with a list of times that ffmpeg reads as it is.

ffmpeg -f concat -i frames.ffconcat …
"""

import io
import json
import zipfile
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from vimix.frame import Frame
from vimix.sinks.base import Encoder, Encoding
from vimix.sinks.pixels import cleared
from vimix.sinks.pool import Ordered


class PngZip:
    """An `Encoder` that stores PNGs as they are ready. They are compressed already, so the zip only holds them."""

    def __init__(self, path: Path, threads: int) -> None:
        self._zip = zipfile.ZipFile(path, "w", zipfile.ZIP_STORED)
        self._times: list[tuple[Fraction, Fraction]] = []
        self._size = (0, 0)
        self._stored = 0
        self._pool = Ordered(_png, self._store, workers=threads)

    def add(self, frame: Frame) -> None:
        """Hand a frame to the threads."""
        self._times.append((frame.time, frame.duration))
        height, width = frame.alpha.shape
        self._size = width, height
        self._pool.put(frame)

    def finish(self) -> None:
        """Store the rest, and the times."""
        self._pool.finish()
        frames = [
            {"file": _name(number), "time": round(float(time), 6), "duration": round(float(duration), 6)}
            for number, (time, duration) in enumerate(self._times)
        ]
        width, height = self._size
        seconds = round(float(sum(self._times[-1])), 6)
        about = {"width": width, "height": height, "seconds": seconds, "frames": frames}
        listed = (f"file {frame['file']}\nduration {frame['duration']:.6f}\n" for frame in frames)
        self._zip.writestr("times.json", json.dumps(about, indent=1))
        self._zip.writestr("frames.ffconcat", "ffconcat version 1.0\n" + "".join(listed))
        self._zip.close()

    def abort(self) -> None:
        """Let go of threads and file."""
        self._pool.close()
        self._zip.close()

    def _store(self, png: bytes) -> None:
        self._zip.writestr(_name(self._stored), png)
        self._stored += 1


def _name(number: int) -> str:
    return f"frame_{number + 1:06}.png"


def _png(frame: Frame) -> bytes:
    file = io.BytesIO()
    rgba = np.dstack((cleared(frame.rgb, frame.alpha), frame.alpha))
    Image.fromarray(rgba).save(file, "PNG", compress_level=3)
    return file.getvalue()


def png_zip(path: Path, encoding: Encoding, width: int, height: int) -> Encoder:
    """Begin such a zip."""
    return PngZip(path, encoding.threads)
