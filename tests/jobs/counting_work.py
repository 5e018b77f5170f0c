"""Light work in place of the pipeline: it waits and counts. What it does is written in the clip, as JSON.

A result says which clip it is of and how many frames are done, so that a test can tell the right file.
"""

import hashlib
import json
import os
import select
import shutil
import signal
import subprocess
from collections.abc import Generator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from vimix.errors import Refused
from vimix.events import Done, FinishEarly, Note, Progress
from vimix.frame import Frame
from vimix.options import Options


def wait(seconds: float) -> None:
    select.select([], [], [], seconds)


def clip(path: Path, **wanted: Any) -> Path:
    path.write_text(json.dumps(wanted))
    return path


def result_of(clip: bytes, frames: int) -> bytes:
    return f"{hashlib.sha256(clip).hexdigest()} {frames}\n".encode()


def run(
    clip: Path, out: Path, options: Options, *, matte: Path | None = None
) -> Generator[Note | Progress | Done, None, None]:
    wanted = json.loads(clip.read_bytes())
    replayed = matte is not None and matte.exists()
    _misbehave(wanted)
    yield Note("Getting ready")
    picture = np.full((90, 160, 3), 200, np.uint8)
    frames, done = wanted.get("frames", 5), 0
    unfinished = out.with_name("unfinished")
    unfinished.write_bytes(b"half")
    try:
        try:
            for done in range(1, frames + 1):
                wait(wanted.get("each", 0.02))
                yield Progress(done, frames, Frame(picture, picture[..., 0], Fraction(done, 25), Fraction(1, 25)))
        except FinishEarly:
            wait(wanted.get("slow", 0))
        out.write_bytes(result_of(clip.read_bytes(), done))
    finally:
        unfinished.unlink()
    if matte is not None and not replayed and done == frames:
        matte.write_bytes(b"matte")
    yield Done(out, {"output": {"format": options.format}, "cached": "matte" if replayed else None, "frames": done})


def _misbehave(wanted: dict[str, Any]) -> None:
    """Faults, each as often as the clip says; a folder outside counts, because nothing inside survives."""
    if wanted.get("starts"):
        subprocess.Popen(["sleep", "300"])
    if wanted.get("encodes") and shutil.which(
        "setpriv"
    ):  # as ffmpeg is run: it dies with us even where nobody can kill our group
        subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "sleep", "300"])
    if wanted.get("fetches"):
        Path(wanted["fetches"]).parent.mkdir(parents=True, exist_ok=True)
        Path(wanted["fetches"]).write_bytes(b"weights")
    if fault := wanted.get("fault"):
        tally = Path(wanted["tally"])
        before = len(tally.read_text()) if tally.exists() else 0
        with tally.open("a") as file:
            file.write("x")
        if before >= wanted.get("times", 99):
            return
        match fault:
            case "die":
                os.kill(os.getpid(), signal.SIGKILL)
            case "io":
                raise OSError("the disk hiccuped")
            case "refuse":
                raise Refused("This is not a clip.")
            case "break":
                raise ZeroDivisionError("a bug")
            case "hang":
                wait(300)
            case "environment":
                tally.write_text(json.dumps(dict(os.environ)))
            case "flood":
                Path("flood").write_bytes(bytes(64 << 20))
