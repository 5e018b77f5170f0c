"""The subject's straight colours and its matte, as two videos in one zip: what compositing programs ask for.

Both are MP4 with the same size, frames and times. The sound is in the first.
"""

import zipfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from vimix.frame import Frame, Pixels
from vimix.sinks.base import Encoder, Encoding, part_name
from vimix.sinks.container import MATTE, MP4
from vimix.sinks.pixels import filled, floored
from vimix.sinks.video_file import VideoFile

FOREGROUND, MATTE_NAME = "foreground.mp4", "matte.mp4"


def straight_colour(frame: Frame) -> Pixels:
    """The subject's colours, carried on under clear pixels: not multiplied by alpha, and without the background."""
    return filled(frame.rgb, floored(frame.alpha))


class Bundle:
    """An `Encoder` that writes two videos beside its zip and stores them in it at the end."""

    def __init__(self, path: Path, encoding: Encoding, width: int, height: int) -> None:
        self._zip = zipfile.ZipFile(path, "w", zipfile.ZIP_STORED)
        self._parts = {name: path.with_name(part_name(name)) for name in (FOREGROUND, MATTE_NAME)}
        half = replace(encoding, threads=max(1, encoding.threads // 2))
        kinds = (replace(MP4, picture=straight_colour), MATTE)
        self._videos: list[VideoFile] = []
        try:
            for part, kind in zip(self._parts.values(), kinds, strict=True):
                self._videos.append(VideoFile(part, half, width, height, kind))
        except BaseException:
            self.abort()
            raise

    def add(self, frame: Frame) -> None:
        """Hand a frame to both."""
        for video in self._videos:
            video.add(frame)

    def finish(self) -> None:
        """Complete both videos, and store them."""
        for video in self._videos:
            video.finish()
        for name, part in self._parts.items():
            self._zip.write(part, name)
        self._zip.close()

    def abort(self) -> None:
        """Let go of everything, and delete the two videos."""
        for video in self._videos:
            video.abort()
        for part in self._parts.values():
            part.unlink(missing_ok=True)
        with suppress(OSError):  # it is thrown away; only its handle matters
            self._zip.close()


def bundle(path: Path, encoding: Encoding, width: int, height: int) -> Encoder:
    """Begin such a zip."""
    return Bundle(path, encoding, width, height)
