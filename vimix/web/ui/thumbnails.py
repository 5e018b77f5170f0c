"""Single pictures of a clip for the page: the filmstrip, and one moment before and after."""

import base64
import io
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from vimix.errors import NotFound
from vimix.frame import Frame
from vimix.jobs.service import JobService
from vimix.media.decode import open_source, probe

STRIP = 8
"""Pictures on a filmstrip."""
THUMB = 160
"""Pixels across one of them."""
LOOK = 960
"""Pixels across a picture that is looked at closely."""


def frame_at(path: Path, time: float, width: int) -> Frame:
    """The frame of `path` shown `time` seconds from its start, or its last."""
    for moment in (time, max(time - 0.5, 0), 0.0):
        with closing(open_source(path, start=moment, max_width=width).frames()) as frames:
            for frame in frames:
                return frame
    raise NotFound("There is no picture at that moment.")


def picture(frame: Frame, *, quality: int = 70) -> str:
    """A frame as a data URI, with its transparency where it has any."""
    pixels = frame.rgb if frame.alpha.min() == 255 else np.dstack([frame.rgb, frame.alpha])
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "WEBP", quality=quality, method=2)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()


@lru_cache(maxsize=32)
def film(path: Path) -> dict[str, Any]:
    """Length, size and a strip of small pictures, from seeks, so that a long clip costs no more than a short one."""
    info = probe(path)
    seconds = float(info.seconds or 0)
    count = 1 if info.still or not seconds else STRIP
    shots = [frame_at(path, seconds * (place + 0.5) / count, THUMB) for place in range(count)]
    return {
        "kind": "film",
        "seconds": seconds,
        "width": info.width,
        "height": info.height,
        "still": info.still,
        "poster": picture(frame_at(path, 0, LOOK)),
        "strip": [picture(shot, quality=50) for shot in shots],
    }


@contextmanager
def kept_file(service: JobService, key: str) -> Iterator[Path | None]:
    """The store's file under `key`, where it lies or fetched for as long; None where `key` names none."""
    if not key.startswith(("in/", "out/")):
        yield None
        return
    if (found := service.files.local_path(key)) is not None:
        yield found
        return
    with tempfile.TemporaryDirectory(prefix="vimix-look-") as folder:
        service.files.fetch(key, Path(folder) / "file")
        yield Path(folder) / "file"


def both_at(service: JobService, job: str, time: float) -> dict[str, Any]:
    """One moment of a finished job, before and after."""
    made, _, _ = service.result(job)
    start = float(made.options.get("start") or 0)
    with kept_file(service, made.input_key) as before, kept_file(service, made.result_key or "") as after:
        if before is None or after is None:
            raise NotFound("There is nothing to compare.")
        return {
            "kind": "moment",
            "time": time,
            "before": picture(frame_at(before, start + time, LOOK)),
            "after": picture(frame_at(after, time, LOOK), quality=80),
        }
