"""What the command line shows of its work: a line that rewrites itself, or one JSON event a line."""

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vimix.errors import VimixError, tidy
from vimix.events import Done, Note, Progress

_BAR = 20
"""Characters of the bar: what is left of a line of 80 holds a name and the frames."""
_EVERY = 0.1
"""Seconds between two states of the line: more often would only cost time."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One clip of several could not be cut out."""

    sentence: str
    code: int
    """The exit code that this alone would have."""


Events = Iterator[Note | Progress | Done | Failure]


@dataclass(frozen=True, slots=True)
class Place:
    """A clip among several."""

    clip: Path
    number: int = 0
    """Of those before it."""
    of: int | None = None
    """How many there are; None where nobody knows, as in a watched folder."""

    def line(self, text: str, fraction: float) -> str:
        """A state of this clip, `fraction` (0-1) of which is done, before a bar of all of them."""
        if self.of is None:
            return f"{self.clip.name}: {text}"
        full = int(_BAR * (self.number + fraction) / self.of)
        return f"[{'#' * full}{'.' * (_BAR - full)}] {self.number + 1} of {self.of}, {self.clip.name}: {text}"


def event(kind: str, **values: object) -> None:
    """A JSON event on a line of its own."""
    print(json.dumps({"event": kind, **values}), flush=True)


def as_json(events: Events, place: Place | None = None) -> int:
    """Every event on a line of its own, with the name of its clip where it is one of several; the exit code."""
    named, code = {"clip": str(place.clip)} if place else {}, 0
    for happened in events:
        match happened:
            case Note(text, fraction):
                event("note", text=text, fraction=fraction, **named)
            case Progress(done, total, _, step):
                event("progress", done=done, total=total, step=step, **named)
            case Done(path, card):
                event("done", path=str(path), **named, card=card, **card)
            case Failure(sentence, code):
                event("error", error=sentence, code=code, **named)
    return code


def as_line(events: Events, place: Place | None = None) -> int:
    """A line that rewrites itself on a terminal, and only the end elsewhere; the exit code."""
    alive, began, shown, code = sys.stderr.isatty(), time.monotonic(), 0.0, 0
    for happened in events:
        now = time.monotonic()
        if isinstance(happened, Done):
            _end(happened, now - began)
        elif isinstance(happened, Failure):
            said(f"{place.clip.name}: {happened.sentence}" if place else happened.sentence)
            code = happened.code
        elif alive and now - shown > _EVERY:
            shown = now
            text, fraction = _state(happened, now - began)
            line(place.line(text, fraction) if place else text)
    return code


def line(text: str) -> None:
    """Take the place of the line that a terminal shows now."""
    print(f"\r\x1b[2K{text}" if sys.stderr.isatty() else text, end="", file=sys.stderr, flush=True)


def said(text: str) -> None:
    """A line that stays."""
    line(text)
    print(file=sys.stderr)


def message_and_code(error: VimixError | OSError) -> tuple[str, int]:
    """A failure as one sentence, and the exit code that it has."""
    if isinstance(error, VimixError):
        return error.public, error.exit_code
    return f"Reading or writing failed: {error.strerror}.", 5


def _state(happened: Note | Progress, seconds: float) -> tuple[str, float]:
    if isinstance(happened, Note):
        part = "" if happened.fraction is None else f" {happened.fraction:.0%}"
        return happened.text + part, 0.0
    rate = happened.done / max(seconds, 1e-6)
    left = f", {(happened.total - happened.done) / rate:.0f} s left" if happened.total else ""
    fraction = min(1.0, happened.done / happened.total) if happened.total else 0.0
    return f"Frame {happened.done} of {happened.total or '?'}, {rate:.1f} frames/s{left}", fraction


def _end(done: Done, seconds: float) -> None:
    output = done.card["output"]
    said(
        f"{done.path.name}: {output['width']}×{output['height']}, {output['frames']} frames, "
        f"{tidy(output['seconds'], 2)} s, {tidy(output['bytes'] / 1e6, 2)} MB, in {tidy(seconds)} s"
    )
    for warning in done.card["warnings"]:
        print(f"Note: {warning}", file=sys.stderr)
