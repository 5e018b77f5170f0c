"""What the page shows of a job, as plain values: numbers and names, never markup. The page's scripts find the words."""

import base64
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from vimix.jobs.model import Job, Snapshot
from vimix.pipeline.presets import PRESETS
from vimix.sinks import FORMATS, Format

MODELS_FOR = {
    "isnet-general-use": "Any subject that stands out",
    "portrait": "One person up close (fastest)",
    "chroma": "Green or blue screen",
    "people": "People with soft hair",
    "u2net": "Any subject, classic",
    "u2netp": "Any subject, smallest download",
    "u2net_human_seg": "People, classic",
    "silueta": "Any subject, small download",
    "isnet-anime": "Cartoon and anime characters",
    "birefnet-general": "Any subject, finest detail (slow)",
    "birefnet-general-lite": "Any subject, fine detail (slow)",
    "birefnet-portrait": "People, finest detail (slow)",
    "birefnet-dis": "Thin and intricate shapes (slow)",
    "birefnet-hrsod": "High-resolution footage (slow)",
    "birefnet-cod": "Camouflaged subjects (slow)",
    "birefnet-massive": "Unusual subjects (slow)",
}
"""What each model of the catalogue is good for, as the page lists it."""
MAX_PREVIEW = 30_000
"""Bytes of a preview picture; a larger one is not shown."""
STABILITY = (("good", 6.0), ("fair", 12.0))
"""What a matte's flicker (percent of the subject) is called, up to which value; above, it is low. A
judgement, not measured with viewers: lower limits would call good clips fair."""
_MATTING = ("preparing", "network", "key", "matting", "smoothing")
"""The steps of `card.timings` that a stored matte saves."""
LITTLE = 0.004
"""Share of the picture below which a cut-out counts as nothing found."""


def formats() -> list[dict[str, str]]:
    """Every format as a button shows it."""
    return [{"name": row.name, "label": row.label, "mime": row.mime} for row in FORMATS.values()]


def presets() -> list[dict[str, str]]:
    """Every platform as a button shows it."""
    return [{"name": name, "label": row.label} for name, row in PRESETS.items()]


def format_of(job: Job) -> Format:
    """What kind of file the job makes: a platform may have it otherwise than the options say."""
    made = str(((job.card or {}).get("output") or {}).get("format"))
    name = made if job.options.get("fit") and made in FORMATS else job.options.get("format", "webp")
    return FORMATS[name]


def download_name(job: Job) -> str:
    """What the result is saved as: the clip's own name with the format's suffix."""
    name = "".join(letter for letter in job.input_name.replace("\\", "/") if letter.isprintable())
    stem = PurePath(name).stem[:80] or "clip"
    return f"{stem}-cutout{format_of(job).suffix}"


def data_uri(picture: bytes | None) -> str | None:
    """A small WebP picture as text; None where there is none or it is too large to send again and again."""
    if not picture or len(picture) > MAX_PREVIEW:
        return None
    return "data:image/webp;base64," + base64.b64encode(picture).decode()


def progress(snapshot: Snapshot) -> dict[str, Any]:
    """How far a job is: the part that changes while it runs."""
    return {
        "kind": "job",
        "job": snapshot.job,
        "state": str(snapshot.state),
        "done": snapshot.done,
        "total": snapshot.total,
        "fps": round(snapshot.fps, 1) if snapshot.fps else None,
        "left": snapshot.seconds_left,
        "queue": snapshot.queue_position,
        "note": snapshot.note,
        "error": snapshot.error,
        "partial": snapshot.partial,
    }


def line(job: Job, snapshot: Snapshot) -> dict[str, Any]:
    """A job as a line of a list."""
    pictured = bool(snapshot.preview_version)
    return progress(snapshot) | {"name": job.input_name, "label": format_of(job).label, "picture": pictured}


def fields(options: Mapping[str, Any], names: Sequence[str]) -> list[Any]:
    """A job's options as the page's fields; None for what a field cannot say (a picture is not sent back)."""
    given = dict(options)
    behind = str(given.get("background") or "transparent")
    kind = "colour" if behind.startswith("#") else "blur" if behind == "blur" else "transparent"
    given |= {"background": kind, "colour": behind if kind == "colour" else None, "picture": None}
    given |= {"size": str(given.get("width") or "source"), "crop": given.get("crop") == "subject"}
    given |= {name: str(given.get(name) or "") for name in ("fps", "fit")}
    return [given.get(name) for name in names]


def whole(job: Job, snapshot: Snapshot, preview: bytes | None) -> dict[str, Any]:
    """All that the page shows of a job, its result included."""
    view = progress(snapshot) | {
        "name": job.input_name,
        "preview": data_uri(preview),
        "options": job.options,
        "expires": job.expires,
    }
    if snapshot.state == "done" or snapshot.partial:
        card = snapshot.card or job.card or {}
        view |= {"url": f"r/{job.id}", "save_as": download_name(job), "card": facts(card) if card else None}
        row = format_of(job)
        view |= {"format": row.name, "label": row.label, "mime": row.mime_of(card.get("output") or {})}
    return view


def facts(card: Mapping[str, Any]) -> dict[str, Any]:
    """The card reduced to what is said in plain words."""
    output, source = card.get("output") or {}, card.get("input") or {}
    flicker = card.get("flicker") or {}  # older cards have one number
    coverage = card.get("coverage")
    complies = card.get("complies") or {}
    timings = card.get("timings") or {}
    return {
        "bytes": output.get("bytes"),
        "width": output.get("width"),
        "height": output.get("height"),
        "frames": output.get("frames"),
        "seconds": output.get("seconds"),
        "alpha": output.get("alpha"),
        "audio": output.get("audio"),
        "source_seconds": source.get("seconds"),
        "source_width": source.get("width"),
        "source_fps": source.get("fps"),
        "source_audio": source.get("audio"),
        "took": timings.get("total"),
        "again": _again(timings),
        "cached": card.get("cached"),
        "stability": stability(flicker.get("after") if isinstance(flicker, Mapping) else flicker),
        "doubtful": [moment for frame in card.get("doubtful_frames") or () if (moment := _moment(frame)) is not None],
        "nothing": coverage is not None and coverage < LITTLE,
        "plays_in": list(card.get("plays_in") or ()),
        "fits": [
            {"name": name, "label": PRESETS[name].label if name in PRESETS else name, "reasons": _reasons(answer)}
            for name, answer in complies.items()
        ],
        "warnings": list(card.get("warnings") or ()),
    }


def stability(flicker: float | None) -> str | None:
    """A matte's flicker in a word; None where it was not measured."""
    if flicker is None:
        return None
    return next((word for word, most in STABILITY if flicker <= most), "low")


def _again(timings: Mapping[str, float]) -> float | None:
    """Seconds that the clip takes once more with its stored matte: what is neither preparing nor finding the matte."""
    left = float(timings.get("total") or 0) - sum(timings.get(name, 0) for name in _MATTING)
    return round(left, 1) if left > 0 else None


def _moment(frame: Any) -> float | None:
    """Seconds into the clip of a doubtful frame, however the card writes it."""
    found = frame.get("time") if isinstance(frame, Mapping) else frame
    return round(float(found), 3) if isinstance(found, int | float) else None


def _reasons(answer: Any) -> list[str]:
    """Why a platform would not take the file; nothing if it would."""
    if isinstance(answer, bool):
        return [] if answer else ["?"]
    return [answer] if isinstance(answer, str) else [str(reason) for reason in answer or ()]
