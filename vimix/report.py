"""The card of a run: what came in, what came out, how, and what to look at twice."""

from collections.abc import Mapping
from pathlib import Path

from vimix import card
from vimix.events import Card
from vimix.frame import ClipInfo
from vimix.order import Cut, Order
from vimix.sinks import FORMATS


def describe(order: Order, cut: Cut, out: Path, *, frames: int, seconds: float, cached: str | None) -> Card:
    """The JSON object of the contract. What it says of the output is read back from the finished file."""
    made = card.inspect(out)
    expected = order.source.info.frames
    warnings = list(dict.fromkeys([*order.warnings, *order.source.warnings]))
    thinned = order.target is not None or order.max_fps is not None
    if expected is not None and frames < expected * 0.9 and not thinned:
        warnings.append(f"Only {frames} of about {expected} frames are in this file.")
    heard = order.target and order.target.audio and FORMATS[order.options.format].audio
    if heard and order.source.info.audio and not made["output"]["audio"]:
        warnings.append("The sound was left out: it does not fit into this size.")
    if not order.watch.coverage:
        warnings.append("Nothing was found in this clip: try another look, or click on the subject.")
    options = order.options.model_dump(mode="json")
    if order.options.background_file:
        options["background"] = "file"
    return {
        "job": None,
        "input": came_in(order.source.original),
        "output": made["output"],
        "model": cut.model,
        "engine": dict(cut.engine),
        "options": options,
        "timings": {name: round(spent, 3) for name, spent in order.clock.seconds.items()}
        | {"total": round(seconds, 3)},
        "frames_per_second": round(frames / seconds, 2),
        "flicker": order.watch.flicker,
        "coverage": order.watch.coverage,
        "doubtful_frames": order.watch.doubtful_frames,
        "cached": cached,
        "plays_in": made["plays_in"],
        "complies": made["complies"],
        "warnings": warnings,
        "expires": None,
    }


def came_in(info: ClipInfo) -> Mapping[str, object]:
    """A clip as the card tells of it."""
    plain = ("frames", "width", "height", "codec", "rotation", "hdr", "variable_rate", "audio")
    seconds = None if info.seconds is None else round(float(info.seconds), 4)
    return {"seconds": seconds, "fps": round(float(info.fps), 4)} | {name: getattr(info, name) for name in plain}
