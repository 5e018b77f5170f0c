"""What is known of the subject while it is tracked, all of it on small pictures.

A prediction is evidence, not truth: the network segments whatever is salient, so a pole or a bystander is the subject
in one frame and not in the next. Four more cues are fused with it, each as log-odds that are added to the network's
own: where the subject must be (the matte before, warped by optical flow, as far as that explains the picture), its
colours against those of what surrounds it, whether a connected component is attached to it, and whether it moves as the
background does. Their weight is `reliability`: how plausible the recent predictions were. At 0 the network stands
alone, so tracking cannot be worse than no tracking."""

from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import cv2 as typed_cv2
import numpy as np
from numpy.typing import NDArray

from vimix.frame import Pixels
from vimix.imaging.optical_flow import Flow
from vimix.matting.video.motion import Moving, large_pieces_odds, motion_odds, moving_part, straightness, support
from vimix.matting.video.small import LOUDEST, Plane, as_plane, chance, confidence, histogram, log_odds, without_specks

cv2: Any = typed_cv2  # its stubs do not know what a function does to an array's type

_REACH = 6
"""Small pixels by which flow may be wrong: within this distance outside of the expected edge, position is no evidence.
More would let neighbours in, less would cut off what moves fast."""
_POSITION, _COLOUR, _DETACHED = 1.5, 1.0, 2.5
"""Weights of the cues: log-odds of position and colour are multiplied by the first two; the third is subtracted from a
component that is detached from the subject. Chosen on DAVIS (docs/quality-log.md): higher follows the past, lower the
network."""
_ROOM = 1.6
"""The crop that the network is given, in sizes of the subject's box: more room shows context, less shows detail."""
_KEPT = 0.964
"""Share of its size that the box keeps from frame to frame: it shrinks slowly, as what is hidden comes back."""
_GRID = 16
"""Pixels of the grid that the crop's corners snap to: a crop that trembles makes the matte tremble."""
_ODD = 0.4
"""Share of the usual area at which a matte is not plausible at all."""
_RATE, _COASTING_RATE = 0.7, 0.2
"""Share of a new matte in the model's, and while it coasts: higher follows the predictions, lower the past."""


class Expectation(NamedTuple):
    """What is known of a matte before it is predicted, (h, w)."""

    added: Plane
    """Log-odds by position, colour and motion."""
    far: NDArray[np.bool_]
    """Which pixels are far from where the subject must be."""
    against: Plane | None
    """The part of the log-odds that motion has."""


@dataclass(slots=True)
class AppearanceModel:
    """The subject that is tracked, as one pass over the frames has it; `update` changes it."""

    matte: Plane
    """(h, w), the probability that a pixel is the subject, in the frame last predicted."""
    reliability: float = 1.0
    """0-1: the weight of the cues."""
    floor: float = 0.0
    """`reliability` never sinks lower: a subject that a person pointed at is not given up."""
    inside: Plane | None = None
    outside: Plane | None = None
    """Colour histograms of the subject and of what surrounds it."""
    areas: list[int] = field(default_factory=list)
    """Pixels of the subject in the last predictions, small pixels."""
    parts: list[Moving] = field(default_factory=list)
    """What moved of the subject in the last keys."""
    support: float = 0.0
    """0-1: how far motion alone vouches for the subject in this key."""
    coasting: int = 0
    """Keys in a row that motion alone vouched for."""
    coast: int = 1
    """Of these, at most."""
    memory: int = 8
    """Keys of which `parts` are kept."""
    size: tuple[float, float] = (0.0, 0.0)
    """Height and width of the subject's box, small pixels."""

    def fork(self) -> "AppearanceModel":
        """A copy, to track in another direction."""
        return replace(self, areas=list(self.areas), parts=list(self.parts))

    def remember(self, other: "AppearanceModel") -> None:
        """Take over another model's subject: its colours, and that a person pointed at it."""
        self.floor, self.inside, self.outside = other.floor, other.inside, other.outside

    def box(self, shape: tuple[int, ...]) -> tuple[slice, slice] | None:
        """The crop (rows, columns) of a picture of that shape (H, W) for the network: `_ROOM` times the subject's box,
        not narrower than three quarters of its other side. None where there is no subject, and where it would be all of
        it."""
        subject = without_specks(self.matte > 0.4)
        lines = np.flatnonzero(subject.any(1)), np.flatnonzero(subject.any(0))
        if min(len(line) for line in lines) < 3:
            return None
        spans = [float(line[-1] + 1 - line[0]) for line in lines]
        high, wide = (max(span, size) for span, size in zip(spans, self.size, strict=True))
        self.size = high, wide
        high, wide = max(high, wide * 0.75) * _ROOM, max(wide, high * 0.75) * _ROOM
        by = shape[0] / subject.shape[0]
        cut = []
        for line, extent, side in zip(lines, (high, wide), shape, strict=False):
            middle = (line[0] + line[-1] + 1) / 2
            first, last = int((middle - extent / 2) * by), int((middle + extent / 2) * by)
            cut.append(slice(max(0, first // _GRID * _GRID), min(side, -(-last // _GRID) * _GRID)))
        return None if cut == [slice(0, side) for side in shape[:2]] else (cut[0], cut[1])

    def shrink_box(self, frames: int) -> None:
        """Let the box follow a subject that has become smaller in so many frames."""
        self.size = self.size[0] * _KEPT**frames, self.size[1] * _KEPT**frames

    def plausibility(self, matte: Plane) -> float:
        """0-1: how plausible a frame's `matte` (h, w) is: confident, and of the usual area."""
        area = float(np.count_nonzero(matte > 0.5))
        usual = float(np.median(self.areas[-10:])) if self.areas else area
        alike = min(area, usual) / max(1.0, area, usual)
        return min(1.0, max(0.0, (confidence(matte) - 0.15) / 0.3)) * min(1.0, max(0.0, (alike - _ODD) / 0.3))

    def expect(self, colours: NDArray[np.uint16], trust: Plane | None, own: Flow | None, drift: int) -> Expectation:
        """What is known of the next matte, given that `matte` is warped there, the frame's colour bins (h, w), `trust`
        (h, w, 0-1), how well the flow that warped it explains the picture, the frame's `own` motion, and the small
        pixels by which the warped matte's inside may `drift`."""
        around = cv2.dilate(self.matte, _disc(_REACH))
        # what a person pointed at is mended by them: what it touches is not held on to
        core = cv2.erode(self.matte, _disc(_REACH if self.floor else drift))
        inner = np.maximum(0, log_odds(core, 0.05))
        added = _POSITION * (np.minimum(0, log_odds(around, 0.05)) + inner)
        if trust is not None:
            added *= trust
        if (against := self._against(own)) is not None:
            added = np.minimum(added, np.where(against < 0, 0, LOUDEST)) + against
        far = around < 0.3
        if self.inside is not None and self.outside is not None:
            ratio = (np.log(self.inside + 1e-3) - np.log(self.outside + 1e-3)).clip(-3, 3)
            added += _COLOUR * cv2.blur(ratio[colours], (5, 5)) * (far | (inner > 0))
        return Expectation(np.asarray(added, np.float32), far, against)

    def _against(self, own: Flow | None) -> Plane | None:
        """Log-odds (h, w) against what moves as the background does."""
        self.support = 0.0
        if own is None:
            return None
        part = moving_part(own, self.matte)
        if part.share:
            self.parts = [*self.parts[1 - self.memory :], part]
        straight = straightness(self.parts)
        self.support = support(part, straight)
        return motion_odds(own, part, straight)

    def fuse(self, alpha: Pixels, expected: Expectation) -> tuple[Plane, Plane]:
        """The matte (h, w) of a predicted `alpha` (H, W) fused with what was expected, and the log-odds (h, w) added to
        it."""
        seen, (added, far, against) = as_plane(alpha), expected
        count, pieces = cv2.connectedComponents((seen > 0.4).astype(np.uint8))
        detached = np.ones(count, bool)
        detached[pieces[self.matte > 0.5]] = False
        detached[0] = False
        added = np.asarray(added - _DETACHED * (detached[pieces] & far), np.float32)
        if against is not None:
            added += large_pieces_odds(against, seen, self.matte)
        weighted = np.asarray(added * self.reliability, np.float32)
        return chance(log_odds(seen) + weighted), weighted

    def update(self, matte: Plane, colours: NDArray[np.uint16]) -> None:
        """Learn from a frame: its fused `matte` (h, w) and its colour bins (h, w)."""
        now = self.plausibility(matte)
        if now < 0.5 < self.support and self.coasting < self.coast:
            self.coasting += 1
            self.matte = _COASTING_RATE * matte + (1 - _COASTING_RATE) * self.matte
            return
        self.coasting = self.coasting if now < 0.5 else 0
        self.reliability = max(self.floor, (self.reliability + now) / 2)
        self.areas = [*self.areas[-9:], int(np.count_nonzero(matte > 0.5))]
        if now > 0.5 or self.inside is None:
            near = cv2.dilate((self.matte > 0.3).astype(np.uint8), np.ones((61, 61), np.uint8)) > 0
            inside, outside = histogram(colours, matte > 0.7), histogram(colours, (matte < 0.1) & near)
            if self.inside is not None and self.outside is not None:
                inside, outside = 0.85 * self.inside + 0.15 * inside, 0.85 * self.outside + 0.15 * outside
            self.inside, self.outside = inside, outside
        self.matte = _RATE * matte + (1 - _RATE) * self.matte


def _disc(radius: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)), np.uint8)
