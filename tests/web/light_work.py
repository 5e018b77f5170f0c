"""Light work in the children of a real service: a drawn ball in any format, for tests of the page and of its API.

A clip says in a `free` box at its end what becomes of it (`drawn.fated`): `refuse` is refused, `fail` fails after a few
frames, `slow` and `calm` take their time.
"""

import select
from collections.abc import Generator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from tests.web.drawn import fate_of
from vimix.errors import Failed, Refused
from vimix.events import Done, FinishEarly, Note, Progress
from vimix.frame import Frame
from vimix.options import Options
from vimix.pipeline import card
from vimix.sinks import Encoding, open_sink

FRAMES = {"slow": 150, "calm": 140}
FPS = 25
SIZE = (320, 180)


def ball(step: int) -> Frame:
    """A ball that rolls from left to right on nothing."""
    picture, alpha = Image.new("RGB", SIZE), Image.new("L", SIZE)
    where = (20 + step * 8 % 240, 50, 100 + step * 8 % 240, 130)
    ImageDraw.Draw(picture).ellipse(where, fill=(230, 80, 60))
    ImageDraw.Draw(alpha).ellipse(where, fill=255)
    return Frame(np.asarray(picture), np.asarray(alpha), Fraction(step, FPS), Fraction(1, FPS))


def run(
    clip: Path, out: Path, options: Options, *, matte: Path | None = None
) -> Generator[Note | Progress | Done, None, None]:
    """As `vimix.pipeline.run.run`, less the resources."""
    fate, again = fate_of(clip), matte is not None and matte.exists()
    if fate == "refuse":
        raise Refused("The clip is 130 s long; the limit is 120 s. Choose a shorter part (start and end).")
    if options.format == "stacked":  # the page's player asks for it, which is tested with real work
        raise Failed("Light work makes no stacked video.")
    total, done = FRAMES.get(fate, 24), 0
    with open_sink(options.format, out, Encoding(fps=Fraction(FPS))) as sink:
        try:
            for done in range(1, total + 1):
                select.select([], [], [], 0.0 if again else 0.05)
                frame = ball(done - 1)
                sink.write(frame)
                yield Progress(done, total, frame)
                if fate == "fail" and done == 8:
                    raise Failed("The clip changes its size midway.")
        except FinishEarly:
            if not done:
                raise
    if matte is not None and not again and done == total:
        matte.write_bytes(b"matte")
    yield Done(out, described(out, options, done, cached="matte" if again else None))


def described(out: Path, options: Options, frames: int, *, cached: str | None) -> dict[str, Any]:
    """A card with something in each part that the page shows."""
    return {
        **card.inspect(out),
        "job": None,
        "input": {"seconds": frames / FPS, "frames": frames, "fps": FPS, "width": SIZE[0], "height": SIZE[1]},
        "options": options.model_dump(mode="json"),
        "timings": {"total": 1.5},
        "flicker": {"before": 2.1, "after": 1.1},
        "coverage": 0.09,
        "doubtful_frames": [{"frame": 8, "time": 0.32}, {"frame": 20, "time": 0.8}],
        "cached": cached,
        "warnings": ["The clip is HDR (HLG) and was converted to standard range."],
        "expires": None,
    }
