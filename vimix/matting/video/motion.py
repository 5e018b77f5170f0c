"""Motion as a witness: what moves as the background does is not the subject, where the subject moves otherwise.

The camera's motion between two neighbouring frames is a homography, found by RANSAC over the optical flow; what the
flow holds beside it is motion of its own. A hurdle that touches a horse, a parked van behind a car and a crowd behind a
dancer have none, however much they stand out; a car that crosses the subject's way has the opposite one. The witness
speaks only against, since flow reaches over edges, and only where the subject keeps its direction: of a person who
stands and waves, the hand moves and the body is the subject all the same.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import cv2 as typed_cv2
import numpy as np
from numpy.typing import NDArray

from vimix.imaging.optical_flow import Flow, camera_flow

cv2: Any = typed_cv2  # its stubs do not know what a function does to an array's type
Plane = NDArray[np.float32]

_AGAINST = 3.0
"""Log-odds taken off what certainly moves as the background: a sure prediction (4.6) outweighs it. With 5 and 8 planted
feet go, and as much is lost on dogs and camels as is gained on cars and hurdles."""
_STILL, _ALIKE = 0.1, 0.45
"""Shares of the subject's motion: what has less is of the background, what has more may be of the subject."""
_REACH = 13
"""Small pixels: the best motion within a square of that side counts, as flow is found in blocks of 8."""
_LARGE, _CERTAIN, _WHOLE = 5.0, 2.0, 0.12
"""Log-odds taken off besides, where a piece that `_CERTAIN` log-odds speak against is in every direction wider than
twice `_WHOLE` times the root of the subject's area: a car or a hurdle, however sure the network is of it, while a foot
that is planted is narrower. Narrower pieces: cars gain, paws lose."""
_FIRM = 0.5
"""Share of the subject that moves, below which motion does not vouch for it."""
_SLOWEST = 1.0
"""Small pixels a frame: what is slower is not told from mistakes of the flow."""
_NOISE = 0.25
"""Small pixels a frame that flow is wrong by where everything else fits."""
_CLEAR = 3.0
"""A motion counts from so many times the noise on, and fully from twice as many."""
_FEWEST, _ENOUGH = 0.1, 0.3
"""Shares of the subject that move: with less it is at rest, and nothing is said; from the second on, all is."""
_WAVERING, _STRAIGHT = 0.4, 0.7
"""Distance over way of the subject through several frames: below the first it waves, above the second it travels."""


class Moving(NamedTuple):
    """The part of a subject that moves against the background, in one frame."""

    share: float
    """0-1: of the subject's area."""
    velocity: NDArray[np.float32]
    """(x, y), small pixels a frame."""
    speed: float
    """Median of the part's speeds, small pixels a frame."""
    noise: float
    """Speed that the background has by mistakes of the flow."""


def own_motion(flow: Flow) -> Flow:
    """(h, w, 2): what the flow between neighbouring frames holds beside the camera's motion, small pixels."""
    return np.asarray(flow - camera_flow(flow), np.float32)


def moving_part(own: Flow, matte: Plane) -> Moving:
    """Of the subject `matte` (h, w, 0-1), by its `own_motion`."""
    speed = cv2.magnitude(own[..., 0], own[..., 1])
    subject, outside = matte > 0.5, speed[::2, ::2][matte[::2, ::2] < 0.1]
    noise = float(np.median(outside)) + _NOISE if outside.size > 100 else _SLOWEST
    moving = subject & (speed > max(_SLOWEST, _CLEAR * noise))
    count = int(np.count_nonzero(moving))
    if count < 10:
        return Moving(0.0, np.zeros(2, np.float32), 0.0, noise)
    velocity = np.asarray(np.median(own[moving], axis=0), np.float32)
    return Moving(count / float(np.count_nonzero(subject)), velocity, float(np.median(speed[moving])), noise)


def straightness(parts: Sequence[Moving]) -> float:
    """0-1: how far the parts of one subject, in several frames, keep their direction."""
    total = sum((part.velocity for part in parts), np.zeros(2, np.float32))
    straight = float(np.linalg.norm(total)) / max(1e-6, sum(part.speed for part in parts))
    return _ramp(straight, _WAVERING, _STRAIGHT)


def motion_odds(own: Flow, part: Moving, straight: float) -> Plane | None:
    """Log-odds (h, w), none above 0, that a pixel is of the subject of which `part` moves, by its `own_motion`; None
    where the subject does not move enough to tell."""
    loud = straight * _ramp(part.share, _FEWEST, _ENOUGH)
    if part.speed:
        loud *= _ramp(part.speed / part.noise, _CLEAR, 2 * _CLEAR)
    if not loud:
        return None
    one_way = _ramp(float(np.linalg.norm(part.velocity)) / part.speed, 0.6, 0.9)
    alike = (1 - one_way) / part.speed * cv2.magnitude(own[..., 0], own[..., 1])
    if one_way:  # then the opposite direction is as bad as none
        alike += (own @ part.velocity) * np.float32(one_way / float(part.velocity @ part.velocity))
    against = ((_ALIKE - cv2.dilate(alike, np.ones((_REACH, _REACH), np.uint8))) / (_ALIKE - _STILL)).clip(0, 1)
    return np.asarray(-_AGAINST * loud * against, np.float32)


def support(part: Moving, straight: float) -> float:
    """0-1: how far motion alone vouches for a subject of which `part` moves: as one, and clearly."""
    if not part.speed:
        return 0.0
    return straight * _ramp(part.share, _FIRM, 0.9) * _ramp(part.speed / part.noise, _CLEAR, 2 * _CLEAR)


def large_pieces_odds(odds: Plane, seen: Plane, matte: Plane) -> Plane:
    """More log-odds (h, w), none above 0, against large pieces of a prediction `seen` that `motion_odds` speak against,
    by the size of the subject `matte`."""
    static = ((odds < -_CERTAIN) & (seen > 0.4)).astype(np.uint8)
    reach = max(2, int(_WHOLE * np.sqrt(np.count_nonzero(matte > 0.5))))
    core = cv2.erode(static, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8), borderValue=1)
    piece = cv2.dilate(core, np.ones((2 * reach + 5, 2 * reach + 5), np.uint8)) & static
    return np.asarray(-_LARGE * piece.astype(np.float32), np.float32)


def _ramp(value: float, low: float, high: float) -> float:
    """0 up to `low`, 1 from `high` on."""
    return min(1.0, max(0.0, (value - low) / (high - low)))
