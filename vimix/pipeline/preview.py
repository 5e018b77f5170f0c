"""Single pictures of a clip, made in a child process: the filmstrip, one frame tried before a run, before and after.

The files are strangers', so nothing here is called in the web process; `vimix.jobs.previews` sends these functions to
a child by their names in `ANSWERS`. A preview uses the same network as a run, at the same size, and clicks choose the
subject in the same way; what needs more than one frame (temporal smoothing, propagation) is left out.
"""

import base64
import io
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
from PIL import Image

from vimix.concurrency.threads import cores
from vimix.errors import NotFound
from vimix.events import returned
from vimix.frame import Frame, Pixels
from vimix.matting import matte_file, registry
from vimix.matting.engine import EngineRequest
from vimix.matting.video import corrections
from vimix.media.decode import open_source, probe
from vimix.media.limits import Limits
from vimix.options import SHORT_FPS, Options, Quality
from vimix.pipeline.request import Resources, corrections_of
from vimix.points import Point
from vimix.refine.foreground import clean

LOOKS: tuple[str, ...] = get_args(Quality)
STRIP = 8
"""Pictures on a filmstrip: each costs a seek."""
THUMBNAIL = 160
"""Pixels across one of them."""
PREVIEW = 640
"""Pixels across a previewed cut-out: as much as the page shows of three side by side."""
CLOSE_UP = 960
"""Pixels across a poster, and across the pictures of a comparison."""
MOST = 3
"""Qualities or models in one preview; each is a network run."""
HANDLING = 0.05
"""CPU-seconds a frame takes beside the network: decoding, propagation, edges, encoding. Measured on two cores."""
GROWTH = 1.4
"""Bytes of a picture grow slower than its pixels: with this power of the width."""


def frame_at(path: Path, time: float, width: int, limits: Limits) -> Frame:
    """The frame shown `time` seconds from the start, or the last one, at most `width` pixels wide.

    However long the clip is, a second of it is opened. Raises `Refused`, `Unreadable`, `NotFound`.
    """
    for moment in (time, max(time - 0.5, 0), 0.0):
        source = open_source(path, start=moment, end=moment + 1, max_width=width, limits=limits)
        with closing(source.frames()) as frames:
            for frame in frames:
                return frame
    raise NotFound("There is no frame at that time.")


def data_uri(frame: Frame, *, quality: int = 70) -> str:
    """A frame as a WebP data URI, with its transparency where it has any. `quality` is 1-100."""
    pixels = frame.rgb if frame.alpha.min() == 255 else np.dstack([frame.rgb, frame.alpha])
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "WEBP", quality=quality, method=2)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()


def filmstrip(resources: Resources, clip: str) -> dict[str, Any]:
    """Length (seconds), size (pixels) and a strip of small pictures, from seeks. Raises `Refused`, `Unreadable`."""
    path, limits = Path(clip), resources.limits
    info = probe(path, limits)
    seconds = float(info.seconds or 0)
    count = 1 if info.still or not seconds else STRIP
    frames = [frame_at(path, seconds * (place + 0.5) / count, THUMBNAIL, limits) for place in range(count)]
    return {
        "kind": "film",
        "seconds": seconds,
        "width": info.width,
        "height": info.height,
        "still": info.still,
        "fps": float(info.fps),
        "poster": data_uri(frame_at(path, 0, CLOSE_UP, limits)),
        "strip": [data_uri(frame, quality=50) for frame in frames],
    }


def compare(resources: Resources, before: str, after: str, start: float, time: float) -> dict[str, Any]:
    """One moment of a clip and of its result; the result's time 0 is `start` seconds into the clip.

    Raises `Refused`, `Unreadable`, `NotFound`.
    """
    limits = resources.limits
    return {
        "kind": "moment",
        "time": time,
        "before": data_uri(frame_at(Path(before), start + time, CLOSE_UP, limits)),
        "after": data_uri(frame_at(Path(after), time, CLOSE_UP, limits), quality=80),
    }


def corrected(
    resources: Resources,
    clip: str,
    matte: str,
    start: float,
    time: float,
    points: Sequence[str] = (),
    paints: Sequence[str] = (),
) -> dict[str, Any]:
    """One frame of a finished job with its stored matte, and what a person says of that frame applied to it.

    `time` is seconds from the first frame, which is `start` seconds into the clip. `points` are clicks and boxes on
    what is not meant, `paints` painted pictures, all of this frame whatever their own times. Raises `Refused`,
    `Unreadable`, `NotFound`, `UsageError`, and `Failed` where the matte is damaged.
    """
    options = Options.parse({"point": list(points), "paint": list(paints)})
    frame = frame_at(Path(clip), start + time, CLOSE_UP, resources.limits)
    alpha = matte_file.sized(matte_file.stored_alpha_at(Path(matte), time).alpha, frame.alpha.shape)
    alpha = _corrected(frame, alpha, options)
    cut = replace(frame, rgb=clean(frame.rgb, alpha), alpha=alpha)
    return {"kind": "corrected", "time": time, "picture": data_uri(cut, quality=85)}


def preview(
    resources: Resources,
    clip: str,
    time: float,
    looks: Sequence[str] = (),
    points: Sequence[str] = (),
    paints: Sequence[str] = (),
) -> dict[str, Any]:
    """The frame of `clip` at `time` seconds under each of `looks` (qualities or model names; none: the qualities).

    `points` and `paints` say who is meant in that frame, whatever their own times. Each look comes with `seconds` and
    `bytes` that the whole clip would take. Raises `Refused`, `Unreadable`, `UsageError`, `Unavailable`.
    """
    path, options = Path(clip), Options.parse({"point": list(points), "paint": list(paints)})
    info = probe(path, resources.limits)
    length = float(info.seconds or 0)
    frames = max(1, min(info.frames or 1, round(length * SHORT_FPS)))
    moment = min(max(time, 0.0), max(length - 0.05, 0.0))
    frame = frame_at(path, moment, PREVIEW, resources.limits)
    larger = max(1.0, info.width / PREVIEW) ** GROWTH
    request = _engine_request(resources, frame, options.points, still=info.still)
    shown: list[dict[str, Any]] = []
    for name in list(looks or LOOKS)[:MOST]:
        asked = replace(request, quality=name if name in LOOKS else "balanced")
        model = registry.resolve("auto" if name in LOOKS else name, asked)
        if shown and not model.qualities:
            break
        matting = returned(registry.engine_of(model).prepare(model, asked))
        alpha = _corrected(frame, matting.single(frame.rgb), options)
        cut = data_uri(replace(frame, alpha=alpha), quality=80)
        seconds = frames * (matting.seconds + HANDLING) / cores() + 1
        size = round(len(cut) * 3 / 4 * larger * frames)
        shown.append({"look": name, "model": model.name, "picture": cut, "seconds": round(seconds, 1), "bytes": size})
    return {"kind": "trial", "time": moment, "frames": frames, "looks": shown}


def _corrected(frame: Frame, alpha: Pixels, options: Options) -> Pixels:
    """The alpha of a frame with all corrections applied in it, whatever their times."""
    for correction in corrections_of(options):
        alpha = corrections.corrected(frame.rgb, alpha, corrections.region_of(frame.rgb, alpha, correction))
    return alpha


ANSWERS: Mapping[str, Callable[..., dict[str, Any]]] = {
    "filmstrip": filmstrip,
    "compare": compare,
    "corrected": corrected,
    "preview": preview,
}
"""What a child answers beside runs, by the kind of the request."""


def _engine_request(resources: Resources, frame: Frame, points: Sequence[Point], *, still: bool) -> EngineRequest:
    """A clip of that frame alone."""
    return EngineRequest(
        first_frames=lambda count: [frame][:count],
        still=still,
        frames=1,
        quality="balanced",
        points=tuple(points),
        start=0.0,
        model_dir=resources.model_dir,
        mirrors=resources.mirrors,
        device=resources.device,
        threads=1,
        memo={},
    )
