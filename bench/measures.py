"""How near mattes come to their references. A matte is (H, W) uint8, a clip a sequence of them.

J is the intersection over the union at one half. MAE is the mean absolute difference, of 1. dtSSD (times 100) is the
root of the mean squared difference between the changes from frame to frame (Erofeev et al. 2015). Flicker is the mean
change from frame to frame over that of the reference: 1 is as calm as the truth. Max-F (beta^2 = 0.3) is the best
F-measure over all thresholds. SAD is the sum of absolute differences in thousands of pixels; the gradient error is the
squared difference of gradient magnitudes (Rhemann et al. 2009), summed.
"""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from vimix.frame import Pixels


class Score(NamedTuple):
    """Of a clip, or the mean over several."""

    j: float
    mae: float
    dtssd: float
    flicker: float

    def __str__(self) -> str:
        return f"J {self.j:.3f}  MAE {self.mae:.4f}  dtSSD {self.dtssd:5.2f}  flicker {self.flicker:.2f}"


class Still(NamedTuple):
    """Of a picture, or the mean over several."""

    j: float
    mae: float
    max_f: float
    sad: float
    gradient: float

    def __str__(self) -> str:
        rest = f"SAD {self.sad:.1f}  gradient {self.gradient:.1f}"
        return f"J {self.j:.3f}  MAE {self.mae:.4f}  max-F {self.max_f:.3f}  {rest}"


def overlap(matte: Pixels, truth: Pixels) -> float:
    """J of one frame; 1 where both are empty."""
    ours, theirs = matte > 127, truth > 127
    union = np.count_nonzero(ours | theirs)
    return np.count_nonzero(ours & theirs) / union if union else 1.0


def clip_score(mattes: Sequence[Pixels], truths: Sequence[Pixels]) -> Score:
    """Of at least two frames."""
    ours, theirs = ([unit(matte) for matte in side] for side in (mattes, truths))
    steps = [(b - a, d - c) for a, b, c, d in zip(ours, ours[1:], theirs, theirs[1:], strict=False)]
    return Score(
        j=mean(overlap(matte, truth) for matte, truth in zip(mattes, truths, strict=True)),
        mae=mean(float(np.abs(a - b).mean()) for a, b in zip(ours, theirs, strict=True)),
        dtssd=100 * mean(float(np.sqrt(np.square(ours - true).mean())) for ours, true in steps),
        flicker=sum(float(np.abs(step).mean()) for step, _ in steps)
        / max(1e-6, sum(float(np.abs(true).mean()) for _, true in steps)),
    )


def still_score(matte: Pixels, truth: Pixels) -> Still:
    """Of one picture."""
    ours, true = unit(matte), unit(truth)
    return Still(
        j=overlap(matte, truth),
        mae=float(np.abs(ours - true).mean()),
        max_f=max_f(matte, truth > 127),
        sad=float(np.abs(ours - true).sum() / 1000),
        gradient=float(np.square(slope(ours) - slope(true)).sum()),
    )


def max_f(matte: Pixels, truth: NDArray[np.bool_]) -> float:
    """The best F over all thresholds, by counting levels once."""
    right = np.cumsum(np.bincount(matte[truth], minlength=256)[::-1])
    wrong = np.cumsum(np.bincount(matte[~truth], minlength=256)[::-1])
    precision, recall = right / np.maximum(1, right + wrong), right / max(1, int(np.count_nonzero(truth)))
    return float((1.3 * precision * recall / np.maximum(1e-9, 0.3 * precision + recall))[:-1].max())


def slope(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """Gradient magnitude under a Gaussian of 1.4 pixels."""
    calm = cv2.GaussianBlur(plane, (0, 0), 1.4)
    return np.asarray(cv2.magnitude(cv2.Sobel(calm, -1, 1, 0) / 8, cv2.Sobel(calm, -1, 0, 1) / 8), np.float32)


def unit(matte: Pixels) -> NDArray[np.float32]:
    return np.divide(matte, 255, dtype=np.float32)


def mean(values: object) -> float:
    return float(np.mean(list(values)))  # type: ignore[call-overload]
