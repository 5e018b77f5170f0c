"""Vimix removes the background of any clip and keeps it with real transparency."""

import os
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from vimix.options import SUFFIXES, Options

if TYPE_CHECKING:
    from vimix.events import Card

__version__ = "0.1.0"
__all__ = ["Options", "__version__", "remove_background"]


def remove_background(clip: str | Path, out: str | Path, **options: object) -> "Card":
    """Cut `clip` out into `out`, in the format that its suffix or the option `format` asks for; return the card.

    Options are those of `vimix.Options`; the environment's settings apply. Raises an error of `vimix.errors`, whose
    `public` is a sentence for people; no half-written file is left. To follow the progress, iterate over
    `vimix.pipeline.run.run` instead.

    Work on pixels runs in processes beside this one, as on the command line, where forking is safe: on Linux, while
    this process has no other thread (a script's first call, before NumPy is imported). Else it runs in threads, slower
    and to the same file.
    """
    if "numpy" not in sys.modules:
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # its threads would only get in ours' way
    from vimix.concurrency.processes import processes
    from vimix.events import Done
    from vimix.pipeline.request import Resources, check_target
    from vimix.pipeline.run import run
    from vimix.points import read_paint
    from vimix.settings import Settings

    if paint := options.get("paint"):
        several = paint if isinstance(paint, list | tuple) else [paint]
        options["paint"] = [read_paint(str(each)) for each in several]
    asked = Options.parse({"format": SUFFIXES.get(Path(out).suffix.lower(), "webp"), **options})
    check_target(Path(out), Path(clip), asked)
    resources = Resources.of(Settings.load())
    with processes(resources.threads), closing(run(Path(clip), Path(out), asked, resources)) as events:
        for event in events:
            if isinstance(event, Done):
                return event.card
    raise AssertionError("a run ends with Done or an error")
