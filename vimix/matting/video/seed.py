"""Where a scene's tracking begins: at the frame whose prediction is surest, typical of the others, and moves."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vimix.imaging.optical_flow import Flow
from vimix.matting.video.motion import Moving, motion_odds, moving_part, straightness
from vimix.matting.video.segments import FrameGroup
from vimix.matting.video.small import Plane, chance, confidence, histogram, log_odds

_AREA_POWER = 0.5
"""What a large matte counts when a seed is chosen: the power of its share of the largest area. At 0 a confident part of
the subject would win over all of it, at 1 whatever is largest."""
_ENOUGH = 0.75
"""Share of the largest moving share from which on matters nothing that one moves less: shares are not that exact."""
_MOVES = 2
"""How much one counts that moves: the power of its moving share, against that of the one that moves most."""


class Candidate(NamedTuple):
    """A frame to begin from."""

    matte: Plane
    """(h, w), the chance that a pixel is the subject."""
    colours: NDArray[np.uint16]
    """(h, w), as `Small.colours`."""
    own: Flow | None
    """(h, w, 2), what moves otherwise than the background."""

    @classmethod
    def of(cls, matte: Plane, group: FrameGroup) -> "Candidate":
        """A frame group with the prediction for its whole picture."""
        return cls(matte, group.small.colours, group.own_motion())


def best_seed(candidates: Sequence[Candidate]) -> tuple[int, Plane, list[Moving]]:
    """Which one to begin from, its matte without what moves as the background, and what moves of each."""
    parts = [moving_part(own, matte) for matte, _, own in candidates if own is not None]
    straight = straightness(parts)
    mattes = [_without_background(each, straight) for each in candidates]
    moving = [0.0 if each.own is None else moving_part(each.own, each.matte).share for each in candidates]
    most = max(moving)
    roots = [np.sqrt(histogram(each.colours, matte > 0.6)) for matte, each in zip(mattes, candidates, strict=True)]
    sizes = [1.0 + float(np.count_nonzero(matte > 0.9)) for matte in mattes]

    def score(at: int) -> float:  # whether what moves also travels is not asked: between two candidates a car turns
        sure = confidence(mattes[at]) * min(1.0, float((mattes[at] > 0.5).mean()) / 0.004)
        others = [float(roots[at] @ root) for other, root in enumerate(roots) if other != at]
        typical = float(np.mean(others)) if others else 1.0
        moves = 1 - most * (1 - min(1.0, moving[at] / (_ENOUGH * most))) if most else 1.0
        return sure * typical * float((sizes[at] / max(sizes)) ** _AREA_POWER) * moves**_MOVES

    best = max(range(len(candidates)), key=score)
    return best, mattes[best], parts


def _without_background(candidate: Candidate, straight: float) -> Plane:
    matte, _, own = candidate
    odds = None if own is None else motion_odds(own, moving_part(own, matte), straight)
    return matte if odds is None else chance(log_odds(matte) + odds)
