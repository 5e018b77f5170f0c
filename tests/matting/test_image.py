from collections.abc import Callable

import cv2
import numpy as np
import pytest

from vimix.frame import Pixels
from vimix.matting.image import Floats, cpu_predictor, input_size, with_augmentation
from vimix.matting.networks.catalogue import MODELS


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
    with_augmentation(eye)(picture())
    assert eye.asked == 1


@pytest.mark.parametrize("better", ["framed", "mirrored"])
def test_an_unsure_look_is_repeated_and_the_surest_fits_the_picture(better: str) -> None:
    def strength(rgb: Pixels) -> float:
        framed = rgb.shape != picture().shape
        mirrored = not framed and bool(rgb[30, -20, 1] > 150)
        return 255 if (framed if better == "framed" else mirrored) else 100

    eye = Eye(strength)
    alpha = with_augmentation(eye)(picture())
    assert eye.asked == (2 if better == "framed" else 3)
    np.testing.assert_array_equal(alpha, np.where(picture()[..., 1] > 150, 255, 0))


def test_a_margin_that_makes_a_subject_of_the_whole_picture_is_not_believed() -> None:
    eye = Eye(lambda rgb: 100)
    whole = with_augmentation(
        lambda rgb: eye(rgb) if rgb.shape == picture().shape else np.full(rgb.shape[:2], 255, np.uint8)
    )
    assert whole(picture()).max() == 100


def test_a_picture_without_a_subject_stays_empty() -> None:
    assert with_augmentation(Eye(lambda rgb: 255))(np.full((40, 50, 3), 90, np.uint8)).max() == 0


@pytest.mark.parametrize(
    ("width", "height", "expected"),
    [
        (1280, 720, (896, 512)),
        (720, 1280, (512, 896)),
        (64, 64, (512, 512)),
        (1, 900, (512, 2048)),
        (500, 499, (512, 512)),
    ],
)
def test_an_input_that_keeps_the_aspect(width: int, height: int, expected: tuple[int, int]) -> None:
    assert input_size(MODELS["people"], 512, width, height) == expected
    assert input_size(MODELS["u2netp"], 320, width, height) == (320, 320)


def test_a_network_that_keeps_the_aspect_is_given_what_modnet_wants() -> None:
    y, x = np.mgrid[:90, :160]
    rgb = np.stack([x * 255 // 159, y * 255 // 89, (x + y) * 255 // 248], axis=2).astype(np.uint8)
    given: list[Floats] = []

    def run(picture: Floats) -> Floats:
        given.append(picture)
        return np.asarray(picture[:, :1] / 2 + 0.5, np.float32)

    alpha = cpu_predictor(MODELS["people"], 512, run)(rgb)
    assert given[0].shape == (1, 3, 512, 896)
    small = cv2.resize(rgb, (896, 512), interpolation=cv2.INTER_LINEAR).astype(np.float32)
    assert np.abs(given[0][0].transpose(1, 2, 0) - (small - 127.5) / 127.5).mean() < 0.02
    assert alpha.shape == (90, 160)
    assert np.abs(alpha.astype(int) - rgb[:, :, 0]).mean() < 3
