from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from vimix.frame import Pixels
from vimix.matting.image import lanczos, surest


@pytest.mark.parametrize(("before", "after"), [(1280, 512), (720, 512), (512, 1280), (33, 512), (1, 5), (500, 3)])
def test_the_matrix_resizes_as_pil_does(before: int, after: int) -> None:
    line = np.random.default_rng(before).integers(0, 256, (1, before), np.uint8)
    expected = np.asarray(Image.fromarray(line).resize((after, 1), Image.Resampling.LANCZOS))[0]
    ours = (lanczos(before, after) @ line[0].astype(np.float32)).round().clip(0, 255)
    assert np.abs(ours - expected).max() <= 1


def picture() -> Pixels:
    """Green on the left is the subject, which the lower edge cuts off."""
    rgb = np.full((60, 90, 3), (90, 90, 90), np.uint8)
    rgb[20:, 10:40] = (10, 200, 10)
    return rgb


class Eye:
    """Sees what is green, as strongly as `strength` says of the picture it is given."""

    def __init__(self, strength: Callable[[Pixels], float]) -> None:
        self.strength, self.asked = strength, 0

    def __call__(self, rgb: Pixels) -> Pixels:
        self.asked += 1
        return np.where(rgb[..., 1] > 150, self.strength(rgb), 0).astype(np.uint8)


def test_a_sure_look_is_believed_at_once() -> None:
    eye = Eye(lambda rgb: 255)
    surest(eye)(picture())
    assert eye.asked == 1


@pytest.mark.parametrize("better", ["framed", "mirrored"])
def test_an_unsure_look_is_repeated_and_the_surest_fits_the_picture(better: str) -> None:
    def strength(rgb: Pixels) -> float:
        framed = rgb.shape != picture().shape
        mirrored = not framed and bool(rgb[30, -20, 1] > 150)
        return 255 if (framed if better == "framed" else mirrored) else 100

    eye = Eye(strength)
    alpha = surest(eye)(picture())
    assert eye.asked == (2 if better == "framed" else 3)
    np.testing.assert_array_equal(alpha, np.where(picture()[..., 1] > 150, 255, 0))


def test_a_margin_that_makes_a_subject_of_the_whole_picture_is_not_believed() -> None:
    eye = Eye(lambda rgb: 100)
    whole = surest(lambda rgb: eye(rgb) if rgb.shape == picture().shape else np.full(rgb.shape[:2], 255, np.uint8))
    assert whole(picture()).max() == 100


def test_a_picture_without_a_subject_stays_empty() -> None:
    assert surest(Eye(lambda rgb: 255))(np.full((40, 50, 3), 90, np.uint8)).max() == 0
