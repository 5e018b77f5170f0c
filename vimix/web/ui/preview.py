"""One frame cut out before a run: up to three Looks side by side, and what the whole clip would take.

It runs in the web process, one at a time: the network stays loaded, which is what makes the second try quick. The same
network looks as in the run, at the same size, and clicks choose the subject in the same way; steadying and the carrying
from frame to frame need more than one.
"""

import threading
from collections.abc import Generator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar, get_args

from vimix.concurrency.threads import cores
from vimix.errors import Refused
from vimix.frame import Frame, Pixels
from vimix.matting.chroma_key import find_key, key_out
from vimix.matting.registry import DEFAULT, open_engine, pick
from vimix.matting.video.tracker import PACES, follow
from vimix.media.decode import probe
from vimix.options import SHORT_FPS, Point, Quality
from vimix.pipeline.plan import PER_FRAME
from vimix.settings import Settings
from vimix.web.ui.thumbnails import frame_at, picture

LOOKS: tuple[str, ...] = get_args(Quality)
WIDTH = 640
"""Pixels across a picture of the trial."""
MOST = 3
HANDLING = 0.05
"""CPU-seconds a frame takes beside the network: decoding, carrying, edges, encoding."""
GROWTH = 1.4
"""Bytes of a picture grow slower than its pixels: with this power of the width."""
Kind = TypeVar("Kind")
_one_at_a_time = threading.Lock()


def try_frame(
    settings: Settings, clip: Path, time: float, looks: Sequence[str], points: Sequence[Point] = ()
) -> dict[str, Any]:
    """The frame of `clip` at `time` seconds under each of `looks` (Looks or model names; none: the three Looks).

    `points` say who is meant in that frame, whatever their own time.
    """
    info = probe(clip)
    length = float(info.seconds or 0)
    frames = max(1, min(info.frames or 1, round(length * SHORT_FPS)))
    moment = min(max(time, 0.0), max(length - 0.05, 0.0))
    frame = frame_at(clip, moment, WIDTH)
    larger = max(1.0, info.width / WIDTH) ** GROWTH
    shown: list[dict[str, Any]] = []
    with _one_at_a_time:
        for name in list(looks or LOOKS)[:MOST]:
            quality = name if name in LOOKS else "balanced"
            model = (DEFAULT if points else pick([frame], quality)) if name in LOOKS else name
            if model == "chroma" and shown:
                break  # a key looks the same at every Look
            alpha, cost = _look(settings, model, quality, frame, points, still=info.still)
            cut = picture(replace(frame, alpha=alpha), quality=80)
            seconds = frames * (cost + HANDLING) / cores() + 1
            size = round(len(cut) * 3 / 4 * larger * frames)
            shown.append({"look": name, "model": model, "picture": cut, "seconds": round(seconds, 1), "bytes": size})
    return {"kind": "trial", "time": moment, "frames": frames, "looks": shown}


def _look(
    settings: Settings, model: str, quality: str, frame: Frame, points: Sequence[Point], *, still: bool
) -> tuple[Pixels, float]:
    """What a run would find in the frame, and the CPU-seconds it takes for each."""
    if model == "chroma":
        if (key := find_key([frame])) is None:
            raise Refused("There is no green or blue screen around this picture's edge: choose another model.")
        return key_out(key)(frame.rgb), 0.02
    pace = PACES[quality] if points or not (still or model in PER_FRAME) else None
    engine = _drained(
        open_engine(
            model,
            quality="balanced" if pace else quality,
            model_dir=settings.model_dir,
            mirrors=settings.mirrors,
            device=settings.device,
        )
    )
    if pace is None:
        look = engine.still(quality) if still else engine.look
        return look(frame.rgb), engine.cost
    if not points:
        return engine.glance(frame.rgb), engine.cost / pace.every
    clicks = [point.model_copy(update={"time": 0.0}) for point in points]
    (found,) = follow(engine.glance, pace=pace, points=clicks)([replace(frame, time=Fraction(0))])
    return found.alpha, engine.cost / pace.every


def _drained(steps: Generator[Any, None, Kind]) -> Kind:
    """What a generator returns."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            found: Kind = end.value
            return found
