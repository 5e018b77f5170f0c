"""Closed-form matting finds again what a blurred matte has lost, and leaves alone what it cannot know."""

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

import vimix.refine.closed_form as module
from vimix.frame import Frame, Pixels, opaque
from vimix.refine.closed_form import closed_form, solved

DATA = Path(__file__).parents[2] / "../shared/data"


def comb(height: int = 90, width: int = 120) -> tuple[Pixels, Pixels]:
    """A disc with bristles before a smooth background, and its true alpha."""
    down, across = np.mgrid[:height, :width]
    alpha = np.clip(25 - np.hypot(across - 60, down - 45) + 0.5, 0, 1)
    alpha = np.maximum(alpha, ((across % 4 == 0) & (np.abs(across - 60) < 20) & (down > 12) & (down < 45)) * 0.9)
    background = np.stack([40 + across / 2, 60 + down / 2, 120 + 0 * across], axis=2)
    rgb = alpha[..., None] * np.array((220, 180, 60)) + (1 - alpha[..., None]) * background
    return (rgb + 0.5).astype(np.uint8), (alpha * 255 + 0.5).astype(np.uint8)


def test_what_was_blurred_away_is_found_again(capfd: pytest.CaptureFixture[str]) -> None:
    rgb, truth = comb()
    guess = np.asarray(cv2.GaussianBlur(truth, (0, 0), 3), np.uint8)
    result = solved(rgb, guess)
    before, after = (np.abs(alpha.astype(float) - truth).mean() for alpha in (guess, result))
    assert after < before / 3
    assert capfd.readouterr().out == "", "stdout is not for libraries"


def test_a_large_picture_is_solved_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST", 4000)
    rgb, truth = comb()
    assert solved(rgb, truth).shape == truth.shape


@pytest.mark.parametrize("value", [0, 128, 255])
def test_nothing_to_learn_from(value: int) -> None:
    rgb = comb()[0]
    alpha = np.full(rgb.shape[:2], value, np.uint8)
    np.testing.assert_array_equal(solved(rgb, alpha), alpha)
    assert solved(rgb, opaque(*rgb.shape[:2])).min() == 255


def test_as_a_stage() -> None:
    rgb, truth = comb()
    given = [Frame(rgb, truth, Fraction(n, 9), Fraction(1, 9)) for n in range(2)]
    for before, after in zip(given, closed_form(2)(given), strict=True):
        assert after.rgb is before.rgb
        assert after.time == before.time
        np.testing.assert_array_equal(after.alpha, solved(rgb, truth))


def test_on_a_real_photograph() -> None:
    """GT01 of alphamatting.com, half size: its measured alpha, blurred, and solved again."""
    if not DATA.is_dir():
        pytest.skip("needs photographs with measured alpha that are not part of the project")
    rgb = cv2.resize(
        np.asarray(cv2.imread(str(DATA / "matting/GT01.jpg")))[..., ::-1], (400, 248), interpolation=cv2.INTER_AREA
    )
    truth = cv2.resize(
        np.asarray(cv2.imread(str(DATA / "matting/GT01.png"), 0)), (400, 248), interpolation=cv2.INTER_AREA
    )
    guess = np.asarray(cv2.GaussianBlur(truth, (0, 0), 2), np.uint8)
    result = solved(np.ascontiguousarray(rgb), guess)
    assert np.abs(result.astype(float) - truth).mean() < np.abs(guess.astype(float) - truth).mean()
