"""Motion between small pictures of any shape: a subject's box may be one line high, a clip a banner."""

import cv2
import numpy as np
import pytest

from vimix.frame import Pixels
from vimix.imaging.optical_flow import consistency, optical_flow, warp


def noise(height: int, width: int) -> Pixels:
    grey = cv2.GaussianBlur(np.random.default_rng(3).normal(0, 1, (height, width)), (0, 0), 2)
    return np.asarray(128 + 60 * grey / max(1e-6, float(grey.std()))).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("low", [1, 2, 11, 12, 15, 16, 20, 24, 31, 32, 33])
@pytest.mark.parametrize("long", [1, 16, 200, 300, 480])
@pytest.mark.parametrize("upright", [False, True])
def test_every_shape_has_a_motion(low: int, long: int, upright: bool) -> None:
    shape = (long, low) if upright else (low, long)
    flow = optical_flow(noise(*shape), noise(*shape)[::-1])
    assert flow.shape == (*shape, 2)
    assert np.isfinite(flow).all()


@pytest.mark.parametrize(("height", "width"), [(24, 300), (300, 24), (120, 160)])
def test_what_moves_is_found_and_brought_back(height: int, width: int) -> None:
    wide = noise(height, width + 2)
    here, there = np.ascontiguousarray(wide[:, 2:]), np.ascontiguousarray(wide[:, :-2])
    flow = optical_flow(here, there)
    assert np.median(flow[..., 0]) == pytest.approx(2, abs=0.3)
    assert np.median(cv2.absdiff(warp(there, flow), here)) <= 4
    first, second = (np.dstack([plane] * 3) for plane in (here, there))
    assert np.median(consistency(first, second, flow)) > 0.9
    assert np.median(consistency(first, second, np.zeros_like(flow))) < 0.5
