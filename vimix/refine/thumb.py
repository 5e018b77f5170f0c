"""A picture as small as it needs to be for seeing motion and change."""

import cv2
import numpy as np

from vimix.frame import Pixels


def thumb(picture: Pixels, side: int) -> Pixels:
    """At most `side` pixels long. Two samples each way make a pixel: enough, in a quarter of the time that all take."""
    height, width = picture.shape[:2]
    by = min(1.0, side / max(height, width))
    step = max(1, int(0.5 / by))
    some = cv2.resize(picture, (-(-width // step), -(-height // step)), interpolation=cv2.INTER_NEAREST)
    size = max(1, round(width * by)), max(1, round(height * by))
    return np.asarray(cv2.resize(some, size, interpolation=cv2.INTER_AREA), np.uint8)
