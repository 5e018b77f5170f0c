"""What lies under clear pixels does not depend on how a picture is divided while it is worked on."""

import cv2
import numpy as np
import pytest

from vimix.sinks import pixels


@pytest.mark.parametrize(("height", "width"), [(1, 1), (7, 160), (15, 16), (17, 33), (48, 64), (54, 96), (100, 31)])
def test_block_means_are_those_of_the_picture_filled_up_to_whole_blocks(height: int, width: int) -> None:
    picture = np.random.default_rng(height).integers(0, 256, (height, width, 3), np.uint8)
    small = (-(-width // 16), -(-height // 16))
    below, beside = 16 * small[1] - height, 16 * small[0] - width
    for plane in (picture, picture[:, :, 0].copy()):
        whole = cv2.copyMakeBorder(plane, 0, below, 0, beside, cv2.BORDER_REPLICATE)
        expected = cv2.resize(whole, small, interpolation=cv2.INTER_AREA)
        assert np.array_equal(pixels._blocks(plane, small), expected)


def test_what_is_seen_stays_and_clear_pixels_get_the_colour_beside_them() -> None:
    rgb = np.zeros((54, 96, 3), np.uint8)
    rgb[:, :48] = (200, 40, 10)
    alpha = np.zeros((54, 96), np.uint8)
    alpha[:, 16:48] = 255
    filled = pixels.filled(rgb, alpha)
    assert np.array_equal(filled[:, 16:48], rgb[:, 16:48])
    assert np.abs(filled.astype(int) - (200, 40, 10)).max() <= 1
