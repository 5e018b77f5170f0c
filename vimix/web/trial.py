"""One frame cut out before a run: up to three Looks side by side, and what the whole clip would take.

It runs in the web process, one at a time: the network stays loaded, which is what makes the second try quick. Only the
network looks; steadying and following need more than one frame.
"""

import threading
from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar, get_args

from vimix.engines import Look, open_engine, pick
from vimix.engines.chroma import find_key, key_out
from vimix.errors import Refused
from vimix.frame import Frame
from vimix.media.source import probe
from vimix.options import SHORT_FPS, Quality
from vimix.settings import Settings
from vimix.threads import cores
from vimix.web.frames import frame_at, picture

LOOKS: tuple[str, ...] = get_args(Quality)
WIDTH = 640
"""Pixels across a picture of the trial."""
MOST = 3
HANDLING = 0.03
"""CPU-seconds a frame takes beside the network: decoding, edges, encoding."""
GROWTH = 1.4
"""Bytes of a picture grow slower than its pixels: with this power of the width."""
Kind = TypeVar("Kind")
_one_at_a_time = threading.Lock()


def try_frame(settings: Settings, clip: Path, time: float, looks: Sequence[str]) -> dict[str, Any]:
    """The frame of `clip` at `time` seconds under each of `looks` (Looks or model names; none: the three Looks)."""
    info = probe(clip)
    length = float(info.seconds or 0)
    frames = max(1, min(info.frames or 1, round(length * SHORT_FPS)))
    moment = min(max(time, 0.0), max(length - 0.05, 0.0))
    frame = frame_at(clip, moment, WIDTH)
    larger = max(1.0, info.width / WIDTH) ** GROWTH
    shown: list[dict[str, Any]] = []
    with _one_at_a_time:
        for name in list(looks or LOOKS)[:MOST]:
            look, model, cost = _open(settings, name, frame)
            if model == "chroma" and shown:
                break  # a key looks the same at every Look
            cut = picture(replace(frame, alpha=look(frame.rgb)), quality=80)
            seconds = frames * (cost + HANDLING) / cores() + 1
            size = round(len(cut) * 3 / 4 * larger * frames)
            shown.append({"look": name, "model": model, "picture": cut, "seconds": round(seconds, 1), "bytes": size})
    return {"kind": "trial", "time": moment, "frames": frames, "looks": shown}


def _open(settings: Settings, name: str, frame: Frame) -> tuple[Look, str, float]:
    """What looks, the model's name, and the CPU-seconds of one look."""
    quality = name if name in LOOKS else "balanced"
    model = pick([frame], quality) if name in LOOKS else name
    if model == "chroma":
        if (key := find_key([frame])) is None:
            raise Refused("There is no green or blue screen around this picture's edge: choose another model.")
        return key_out(key), model, 0.02
    engine = _drained(
        open_engine(
            model, quality=quality, model_dir=settings.model_dir, mirrors=settings.mirrors, device=settings.device
        )
    )
    return engine.look, model, engine.cost


def _drained(steps: Generator[Any, None, Kind]) -> Kind:
    """What a generator returns."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            found: Kind = end.value
            return found
