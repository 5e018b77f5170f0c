"""The card of a run: what came in, what came out, how, and what to look at twice."""

from collections.abc import Mapping
from pathlib import Path

from vimix.background import BackgroundFile
from vimix.events import Card
from vimix.frame import ClipInfo
from vimix.pipeline import card
from vimix.pipeline.request import Plan, Request
from vimix.sinks import FORMATS

_SILENT = "The sound in this clip could not be read, so the result is silent."


def describe(request: Request, chosen: Plan, out: Path, *, frames: int, seconds: float, cached: str | None) -> Card:
    """The JSON object of the contract. What it says of the output is read back from the finished file."""
    timings = {name: round(spent, 3) for name, spent in request.clock.seconds().items()}
    made = card.inspect(out)
    expected = request.source.info.frames
    warnings = list(dict.fromkeys([*request.warnings, *request.source.warnings]))
    thinned = request.target is not None or request.max_fps is not None
    if expected is not None and frames < expected * 0.9 and not thinned:
        warnings.append(f"This file has only {frames} of about {expected} frames.")
    with_sound = FORMATS[request.options.format].audio and (request.target is None or request.target.audio)
    if with_sound and request.source.info.audio and not made["output"]["audio"]:
        fits = request.target is None
        warnings.append(_SILENT if fits else "The sound was left out: it does not fit into this size.")
    if not request.watch.coverage:
        warnings.append("Nothing was found in this clip. Try another quality, or click the subject.")
    options = request.options.model_dump(mode="json")
    if isinstance(request.options.background, BackgroundFile):
        options["background"] = "file"
    return {
        "job": None,
        "input": came_in(request.source.original),
        "output": made["output"],
        "model": chosen.model,
        "engine": dict(chosen.engine),
        "options": options,
        "timings": timings | {"total": round(seconds, 3)},
        "frames_per_second": round(frames / seconds, 2),
        "flicker": request.watch.flicker,
        "coverage": request.watch.coverage,
        "doubtful_frames": request.watch.doubtful_frames,
        "cached": cached,
        "plays_in": made["plays_in"],
        "complies": made["complies"],
        "warnings": warnings,
        "expires": None,
    } | ({"gpu": request.on_gpu()} if request.on_gpu() else {})


def came_in(info: ClipInfo) -> Mapping[str, object]:
    """A clip as the card tells of it."""
    plain = ("frames", "width", "height", "codec", "rotation", "hdr", "variable_rate", "audio")
    seconds = None if info.seconds is None else round(float(info.seconds), 4)
    return {"seconds": seconds, "fps": round(float(info.fps), 4)} | {name: getattr(info, name) for name in plain}
