"""Clicks and boxes on a real clip, with the real network: where it would follow the wrong thing, they put it right."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from vimix.events import returned
from vimix.frame import Frame, Pixels, opaque
from vimix.matting.engine import Predict
from vimix.matting.networks import catalogue
from vimix.matting.networks.network import open_network
from vimix.matting.registry import DEFAULT, find
from vimix.matting.video.tracker import POLICIES, track_subject
from vimix.points import Point
from vimix.settings import Settings

CLIP = Path(__file__).parents[3] / "../shared/data/davis/soapbox"
FRAMES = 12


@pytest.fixture(scope="module")
def predict() -> Predict:
    folder = Settings().model_dir
    if not CLIP.is_dir():
        pytest.skip("needs a clip with hand-made masks that is not part of the project")
    if not catalogue.find(DEFAULT).is_here(folder):
        pytest.skip("needs the default network's weights")
    engine = returned(open_network(find(DEFAULT), quality="balanced", model_dir=folder))
    predict, seen = engine.predict_fast, dict[bytes, Pixels]()

    def once(rgb: Pixels) -> Pixels:
        """Not twice at the same picture."""
        key = rgb.tobytes()
        if key not in seen:
            seen[key] = predict(rgb)
        return seen[key]

    return once


def frames() -> Iterator[Frame]:
    for at, file in enumerate(sorted((CLIP / "frames").iterdir())[:FRAMES]):
        rgb = np.ascontiguousarray(np.asarray(cv2.imread(str(file)))[..., ::-1])
        yield Frame(rgb, opaque(*rgb.shape[:2]), Fraction(at, 24), Fraction(1, 24))


def truth(at: int) -> NDArray[np.bool_]:
    return np.asarray(cv2.imread(str(sorted((CLIP / "masks").iterdir())[at]), cv2.IMREAD_GRAYSCALE), np.uint8) > 127


def scores(predict: Predict, *points: str) -> list[float]:
    """J of each frame."""
    found = track_subject(predict, policy=POLICIES["balanced"], points=[Point.parse(point) for point in points])(
        frames()
    )
    pairs = [(frame.alpha > 127, truth(at)) for at, frame in enumerate(found)]
    return [np.count_nonzero(ours & true) / np.count_nonzero(ours | true) for ours, true in pairs]


def inside(at: int) -> str:
    """The place deepest in the true subject."""
    true = truth(at)
    y, x = np.unravel_index(int(cv2.distanceTransform(true.astype(np.uint8), cv2.DIST_L2, 5).argmax()), true.shape)
    return f"{x / true.shape[1]},{y / true.shape[0]}"


def around(at: int) -> str:
    """The box of the true subject."""
    rows, columns = np.nonzero(truth(at))
    height, width = truth(at).shape
    return f"{columns.min() / width},{rows.min() / height},{columns.max() / width},{rows.max() / height}"


def test_a_click_and_a_box_choose_the_subject(predict: Predict) -> None:
    assert np.mean(scores(predict)) < 0.3, "left alone, it follows the ramp"
    assert np.mean(scores(predict, inside(0))) > 0.85
    assert np.mean(scores(predict, around(0))) > 0.85


@pytest.mark.parametrize(("which", "at", "least"), [(inside, 9, 0.5), (around, 6, 0.85)])
def test_a_later_click_or_box_corrects_from_there(
    predict: Predict, which: Callable[[int], str], at: int, least: float
) -> None:
    """A click takes what hangs together in the look, here a post of the ramp too; a box does not."""
    found = scores(predict, "0.7,0.6", f"{which(at)},{(at + 0.5) / 24}")
    alone = scores(predict, "0.7,0.6")
    assert alone[0] < 0.3, "the first click is on the ramp"
    assert found[: at - 1] == alone[: at - 1], "what came before stays"
    assert np.mean(found[at:]) > np.mean(alone[at:]) + 0.1
    assert min(found[at:]) > least
