"""One frame cut out before a run: up to three Looks side by side, and what the whole clip would take.

It runs in the web process, one at a time: the network stays loaded, which is what makes the second try quick.
"""

import tempfile
import threading
import time as clock
from collections.abc import Sequence
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from typing import Any, get_args

from vimix.errors import Failed, UsageError
from vimix.events import Done
from vimix.media.source import probe
from vimix.options import SHORT_FPS, Options, Quality
from vimix.settings import Settings
from vimix.web.frames import frame_at, picture

LOOKS: tuple[str, ...] = get_args(Quality)
WIDTH = 640
"""Pixels across a picture of the trial."""
MOST = 3
_one_at_a_time = threading.Lock()


def try_frame(settings: Settings, clip: Path, time: float, looks: Sequence[str], point: str) -> dict[str, Any]:
    """The frame of `clip` at `time` seconds under each of `looks` (Looks or model names; none: the three Looks)."""
    names = list(looks or LOOKS)[:MOST]
    info = probe(clip)
    length = float(info.seconds or 0)
    frames = min(info.frames or 1, round(length * SHORT_FPS) or 1)
    moment = min(max(time, 0.0), max(length - 0.05, 0.0))
    with _one_at_a_time, tempfile.TemporaryDirectory(prefix="vimix-try-") as folder:
        shown = [_one(settings, clip, moment, name, point, Path(folder) / f"{name}.webp", info.fps) for name in names]
    scale = min(1.0, WIDTH / max(info.width, 1)) ** -2
    for look in shown:
        look["bytes"] = round(look["bytes"] * frames * scale**0.7)
        look["seconds"] = round(look.pop("cost") * frames + 0.5, 1)
    return {"kind": "trial", "time": moment, "frames": frames, "looks": shown, "quota": None}


def _one(
    settings: Settings, clip: Path, moment: float, look: str, point: str, out: Path, fps: Fraction
) -> dict[str, Any]:
    given: dict[str, Any] = {"quality": look} if look in LOOKS else {"model": look}
    if not fps:
        raise UsageError("This clip has no length.")
    given |= {
        "format": "webp",
        "width": WIDTH,
        "steady": 0,
        "fps": "source",
        "point": [each for each in point.split(";") if each],
    }
    given |= {"start": moment, "end": moment + 0.9 / float(fps)}
    _cut(settings, clip, out, Options.parse(given))  # the first time loads the network
    began = clock.monotonic()
    card = _cut(settings, clip, out, Options.parse(given))
    return {
        "look": look,
        "picture": picture(frame_at(out, 0, WIDTH), quality=80),
        "bytes": out.stat().st_size,
        "cost": clock.monotonic() - began - 0.02,
        "model": card["model"],
    }


def _cut(settings: Settings, clip: Path, out: Path, options: Options) -> dict[str, Any]:
    from vimix.order import Workshop
    from vimix.pipeline import run  # heavy: not before somebody tries a frame

    with closing(run(clip, out, options, Workshop.of(settings))) as events:
        for event in events:
            if isinstance(event, Done):
                return event.card
    raise Failed("The frame could not be cut out.")
