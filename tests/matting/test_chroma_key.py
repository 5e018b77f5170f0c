import os
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from vimix.frame import Frame, Pixels, opaque
from vimix.matting.chroma_key import find_key
from vimix.matting.halved_colour import halved_colour, sharpened

DATA = Path(__file__).parents[2] / "../shared/data"
SUBJECT = (205, 150, 120)


def frame(rgb: Pixels, alpha: Pixels | None = None) -> Frame:
    return Frame(rgb, opaque(*rgb.shape[:2]) if alpha is None else alpha, Fraction(0), Fraction(1, 30))


def staged(screen: tuple[int, int, int], *, light: float = 0.0, noise: float = 0.0) -> tuple[Pixels, Pixels, Pixels]:
    """A soft-edged figure that stands on the lower edge: the picture, its alpha, and its own colours."""
    height, width = 180, 240
    y, x = np.mgrid[:height, :width].astype(np.float32)
    mask = np.zeros((height * 4, width * 4), np.uint8)
    cv2.circle(mask, (480, 280), 130, 255, -1)
    cv2.rectangle(mask, (360, 380), (600, 720), 255, -1)
    blurred = cv2.GaussianBlur(mask, (0, 0), 6)
    alpha = np.asarray(cv2.resize(blurred, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    own = np.array(SUBJECT, np.float32) * (0.6 + 0.4 * np.sin(y / 17) ** 2)[:, :, None]
    lit = np.array(screen, np.float32) * (1 - light * x / width)[:, :, None]
    share = alpha[:, :, None] / np.float32(255)
    rgb = own * share + lit * (1 - share) + np.random.default_rng(3).normal(0, noise, own.shape)
    return (rgb.clip(0, 255) + 0.5).astype(np.uint8), alpha, own.astype(np.uint8)


@pytest.mark.parametrize("screen", [(0, 190, 60), (20, 60, 220), (215, 214, 26), (230, 40, 200)])
@pytest.mark.parametrize(("light", "noise"), [(0.0, 0.0), (0.35, 2.0)])
def test_a_screen_is_found_and_taken_out(screen: tuple[int, int, int], light: float, noise: float) -> None:
    rgb, truth, own = staged(screen, light=light, noise=noise)
    key = find_key([frame(rgb)] * 3)
    assert key is not None
    alpha = key.alpha(rgb)
    assert np.abs(alpha.astype(int) - truth).mean() / 255 < 0.008
    assert np.abs(alpha.astype(int) - truth)[(truth == 0) | (truth == 255)].max() <= 25
    colour = key.unmix(rgb, alpha).astype(np.float32)
    soft = (truth > 25) & (truth < 230)
    shown = truth[:, :, None] / np.float32(255)
    assert np.abs(colour - own)[soft].mean() < 25  # of 255; the picture's own colours are 50 and more away here
    for behind in (0, 255):  # no rim: over black and over white the edge is what the true cut-out gives
        ours = colour * (alpha[:, :, None] / np.float32(255)) + behind * (1 - alpha[:, :, None] / np.float32(255))
        right = own * shown + behind * (1 - shown)
        assert np.abs(ours - right)[soft].mean() < 20


def test_what_is_no_screen_is_left_to_a_network() -> None:
    grey = np.full((90, 120, 3), 128, np.uint8)
    assert find_key([frame(grey)]) is None
    assert find_key([]) is None
    rgb, *_ = staged((0, 190, 60))
    assert find_key([frame(rgb), frame(grey)]) is None
    meadow = np.random.default_rng(1).integers(0, 120, (90, 120, 3)).astype(np.uint8) + np.array([20, 60, 10], np.uint8)
    assert find_key([frame(meadow)]) is None
    assert find_key([frame(meadow)]) is None


def test_a_clip_that_is_transparent_already_has_no_screen() -> None:
    rgb, alpha, _ = staged((0, 190, 60))
    assert find_key([frame(rgb, alpha)]) is None


@pytest.mark.skipif(not DATA.is_dir(), reason="the shared clips are not here")
def test_of_the_shared_clips_the_two_screens_are_found() -> None:
    import av

    found = set()
    for path in sorted((DATA / "clips").iterdir()):
        with av.open(path) as container:
            pictures = [picture.to_ndarray(format="rgb24") for picture, _ in zip(container.decode(video=0), range(3))]  # noqa: B905
        if find_key([frame(np.asarray(rgb, np.uint8)) for rgb in pictures]) is not None:
            found.add(path.stem)
    assert found == {"gs_webav_chromakey-test", "gs_mdn_chromakey"}
    for sequence in os.listdir(DATA / "davis"):
        first = sorted((DATA / "davis" / sequence / "frames").iterdir())[0]
        assert find_key([frame(np.asarray(np.asarray(cv2.imread(str(first)))[:, :, ::-1], np.uint8).copy())]) is None, (
            sequence
        )


def test_half_the_colour_leaves_no_staircases() -> None:
    """Slanted edges whose colour is stored once for four pixels, as 4:2:0 does."""
    fine = np.zeros((720, 960), np.uint8)
    cv2.fillPoly(fine, [np.array([(460, 100), (160, 640), (800, 500)])], 255)
    truth = cv2.resize(fine, (240, 180), interpolation=cv2.INTER_AREA).astype(int)
    share = truth[:, :, None] / 255
    rgb = (np.array((240, 225, 210)) * share + np.array((20, 60, 220)) * (1 - share) + 0.5).astype(np.uint8)
    planes = cv2.cvtColor(rgb, cv2.COLOR_RGB2YCrCb)
    coarse = cv2.resize(planes, (120, 90), interpolation=cv2.INTER_AREA).repeat(2, axis=0).repeat(2, axis=1)
    planes[:, :, 1:] = coarse[:, :, 1:]
    seen = np.asarray(cv2.cvtColor(planes, cv2.COLOR_YCrCb2RGB), np.uint8)
    assert halved_colour(seen)
    assert not halved_colour(rgb)
    key = find_key([frame(seen)])
    assert key is not None
    edge = cv2.dilate(((truth > 0) & (truth < 255)).astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    by_colour = 255 * (1 - key._solved(seen, key._plate(seen)))
    sharp = np.abs(key.alpha(seen).astype(int) - truth)[edge].mean()
    assert sharp < 0.5 * np.abs(by_colour - truth)[edge].mean()


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (3, 5), (181, 241)])
def test_odd_sizes_keep_their_shape(size: tuple[int, int]) -> None:
    rgb = np.full((*size, 3), 90, np.uint8)
    half = np.full((-(-size[0] // 2), -(-size[1] // 2)), 0.5, np.float32)
    assert sharpened(half, rgb).shape == size
    assert not halved_colour(rgb)


def test_a_shadow_beside_the_subject_stays_black() -> None:
    rgb = np.full((180, 240, 3), (20, 60, 220), np.uint8)
    cv2.ellipse(rgb, (120, 130), (70, 20), 0, 0, 360, (10, 30, 110), -1)
    cv2.circle(rgb, (120, 90), 35, (240, 225, 210), -1)
    key = find_key([frame(rgb)])
    assert key is not None
    alpha = key.alpha(rgb)
    beside = (slice(132, 146), slice(100, 140))
    assert 100 < alpha[beside].mean() < 155
    assert key.unmix(rgb, alpha)[beside].max() < 30
