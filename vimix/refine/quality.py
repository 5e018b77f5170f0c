"""What the person should look at twice: frames whose matte is empty, jumps or is unsure, and how much it flickers.

Everything is measured on a thumbnail, in a fraction of a millisecond, and only the frame before is remembered.

Flicker has no reference to be held against here, so it is what changes in the matte where the picture does not: the
change of alpha from frame to frame over pixels that stay as they are, as a share of the subject's area, in percent.
0 is calm. It is measured before and after steadying over the same pixels.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vimix.frame import Frame, Frames, Pixels, Stage
from vimix.imaging.resize import thumb

_SIDE = 160
"""Pixels of the longer side at which the report is made: it costs little beside a run, and sees what a viewer would."""
_STILL = 6.0
"""Grey levels by which a pixel that stays as it is may differ: the noise of a decoded picture."""
_NOTHING = 0.001
"""A subject that covers less of the picture is none."""
_JUMP = 1.6
"""How many times larger or smaller than in the frames before is no longer motion."""
_UNSURE = 0.45
"""A sure matte is mostly 0 or 255: below this share of opaque in what is not clear, it is not."""
_MOST = 200
"""Doubtful frames that are listed; more would tell nothing new."""


@dataclass(slots=True)
class _Seen:
    """What one pass over a clip leaves behind."""

    grey: Pixels | None = None
    alpha: NDArray[np.float32] | None = None
    changed: float = 0.0
    subject: float = 0.0
    covered: float = 0.0
    frames: int = 0
    usual: float = 0.0
    """Coverage of the frames before, moving."""


@dataclass(slots=True)
class Watch:
    """An onlooker over one run: `stage` passes frames through and remembers numbers, never frames."""

    doubtful_frames: list[dict[str, Any]] = field(default_factory=list)
    """`frame` (from 0), `time` (seconds) and `why`: `empty`, `jump` or `unsure`."""
    _seen: dict[str, _Seen] = field(default_factory=dict)

    @property
    def coverage(self) -> float:
        """Share of the picture that the subject takes, the mean over the frames after all was done."""
        seen = self._seen.get("after", _Seen())
        return round(seen.covered / max(1, seen.frames), 4)

    @property
    def flicker(self) -> dict[str, float]:
        """By the names given to `stage` (`before`, `after`): percent, as the module tells."""
        return {
            name: round(100 * seen.changed / seen.subject, 2) if seen.subject else 0.0
            for name, seen in self._seen.items()
        }

    def stage(self, name: str) -> Stage:
        """Watch the frames that pass here; those named `after` are also judged."""

        def watch(frames: Iterable[Frame]) -> Frames:
            seen = self._seen[name] = _Seen()
            if name == "after":
                self.doubtful_frames.clear()
            for frame in frames:
                self._look(frame, seen, judge=name == "after")
                yield frame

        return watch

    def _look(self, frame: Frame, seen: _Seen, *, judge: bool) -> None:
        alpha = np.divide(thumb(frame.alpha, _SIDE), 255, dtype=np.float32)
        grey = np.asarray(cv2.cvtColor(thumb(frame.rgb, _SIDE), cv2.COLOR_RGB2GRAY), np.uint8)
        if seen.grey is not None and seen.alpha is not None and seen.grey.shape == grey.shape:
            still = cv2.absdiff(grey, seen.grey) < _STILL
            seen.changed += float(np.abs(alpha - seen.alpha)[still].sum())
            seen.subject += float(np.maximum(alpha, seen.alpha)[still].sum())
        covers = float(alpha.mean())
        if judge and (why := _doubt(alpha, covers, seen)) and len(self.doubtful_frames) < _MOST:
            time = round(float(frame.time), 3)
            self.doubtful_frames.append({"frame": seen.frames, "time": time, "why": why})
        seen.usual = covers if not seen.frames else 0.8 * seen.usual + 0.2 * covers
        seen.grey, seen.alpha = grey, alpha
        seen.covered += covers
        seen.frames += 1


def _doubt(alpha: NDArray[np.float32], covers: float, seen: _Seen) -> str | None:
    if covers < _NOTHING:
        return "empty"
    if seen.frames and not 1 / _JUMP < covers / max(seen.usual, _NOTHING) < _JUMP:
        return "jump"
    sure = float(np.count_nonzero(alpha > 0.9)) / max(1.0, float(np.count_nonzero(alpha > 0.1)))
    return "unsure" if sure < _UNSURE else None
