"""What a child says of its progress, and how near the time left is to the truth."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vimix.events import Progress
from vimix.frame import Frame, opaque
from vimix.jobs.worker.progress import ProgressReporter

FRAME = Frame(np.zeros((4, 4, 3), np.uint8), opaque(4, 4), Fraction(0), Fraction(1, 30))
STEADY = [(0.05 * n, n, n + 8) for n in range(1, 401)]
"""(seconds, frames done, frames read): a light network, whose frames come one after the other."""
WINDOWS = [
    (0.0, 0, 0),
    *[(9 + 0.1 * n, n, 100) for n in range(1, 41)],
    *[(13 + 0.3 * n, 40 + n, 100) for n in range(1, 61)],
]
"""A tracked clip: many frames are read before the first is done, and the next come in a row."""
SLOW_START = [(0.0, 1, 10), (1.3, 2, 30), *[(1.3 + n / 60, 2 + n, min(720, 40 + n)) for n in range(1, 719)]]
"""A clip of which the first two frames take as long as eighty others."""


@pytest.mark.parametrize("trace", [STEADY, WINDOWS, SLOW_START], ids=["steady", "windows", "slow start"])
def test_the_time_left_is_never_wrong_by_far(
    trace: list[tuple[float, int, int]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a factor of two and a half at most, after two seconds, while more than two are left."""
    sent: list[dict[str, Any]] = []
    reporter = ProgressReporter(lambda event, **values: sent.append(values), tmp_path)
    end, total, told = trace[-1][0], trace[-1][1], 0
    for moment, done, read in trace:
        monkeypatch.setattr("vimix.jobs.worker.progress.time.monotonic", lambda now=moment: now)
        sent.clear()
        reporter.progress(Progress(done, total, FRAME, "fit", min(read, total)))
        for values in sent:
            if values["left"] is not None and moment >= 2 and end - moment > 2:
                told += 1
                assert 1 / 2.5 < values["left"] / (end - moment) < 2.5, (moment, done, values["left"])
    assert told > 10
