"""Motion as a witness, on flows that are drawn, and on a drawn clip whose hurdle touches what passes it."""

import cv2
import numpy as np
import pytest

from tests.matting.video.test_tracker import Eye, clip, overlap
from vimix.frame import Pixels
from vimix.imaging.optical_flow import camera_flow
from vimix.matting.video.appearance import AppearanceModel
from vimix.matting.video.motion import large_pieces_odds, motion_odds, moving_part, own_motion, straightness
from vimix.matting.video.seed import Candidate, best_seed
from vimix.matting.video.small import Plane, without_specks
from vimix.matting.video.tracker import track_subject

SHAPE = (90, 160)
RIGHT = (4.0, 0.0)


def flow_of(square: tuple[float, float], camera: tuple[float, float] = (0.0, 0.0)) -> Plane:
    way = np.empty((*SHAPE, 2), np.float32)
    way[:] = camera
    way[30:60, 40:80] += square
    return way


def subject(right: int = 120) -> Plane:
    matte = np.zeros(SHAPE, np.float32)
    matte[30:60, 40:right] = 1
    return matte


def test_the_cameras_motion_is_found_behind_what_moves_otherwise() -> None:
    rows, columns = np.indices(SHAPE, np.float32)
    zoom = np.dstack([0.03 * (columns - 80), 0.03 * (rows - 45)])
    assert np.abs(camera_flow(zoom + flow_of(RIGHT)) - zoom).max() < 0.05
    own = own_motion(zoom + flow_of(RIGHT))
    assert np.abs(own[45, 60] - RIGHT).max() < 0.05
    assert np.abs(own[10, 10]).max() < 0.05


def test_a_picture_of_a_few_pixels_moves_by_its_median() -> None:
    assert np.abs(camera_flow(np.ones((8, 8, 2), np.float32)) - 1).max() == 0


def test_what_stands_with_the_background_is_spoken_against_and_what_moves_is_not() -> None:
    own = own_motion(flow_of(RIGHT, camera=(-3.0, 1.0)))
    odds = motion_odds(own, moving_part(own, subject()), straight=1.0)
    assert odds is not None
    assert odds[45, 60] == 0
    assert odds[45, 110] < -2.5


def test_what_comes_the_other_way_is_spoken_against() -> None:
    way = flow_of(RIGHT)
    way[30:60, 90:120] -= RIGHT
    part = moving_part(own_motion(way), subject(80))
    odds = motion_odds(own_motion(way), part, straight=1.0)
    assert odds is not None
    assert odds[45, 105] < -2.5


@pytest.mark.parametrize("square", [(0.0, 0.0), (0.6, 0.0)])
def test_a_subject_at_rest_says_nothing(square: tuple[float, float]) -> None:
    own = own_motion(flow_of(square))
    assert motion_odds(own, moving_part(own, subject()), straight=1.0) is None


def test_a_hand_that_waves_takes_nothing_off_the_body() -> None:
    parts = [moving_part(flow_of((5.0 * sign, 0.0)), subject()) for sign in (1, -1, 1, -1)]
    assert straightness(parts) == 0
    assert straightness([*parts[::2]]) == 1
    assert motion_odds(flow_of(RIGHT), parts[0], straightness(parts)) is None


def test_large_pieces_go_however_sure_the_network_is_and_feet_stay() -> None:
    odds = np.full(SHAPE, -3, np.float32)
    seen = np.zeros(SHAPE, np.float32)
    seen[30:60, 20:60] = 1  # as large as the subject
    seen[30:60, 100:104] = 1
    more = large_pieces_odds(odds, seen, subject(80))
    assert more[45, 40] < -4
    assert more[45, 102] == 0
    assert not large_pieces_odds(np.full_like(odds, -1.5), seen, subject(80)).any()


def test_a_prediction_that_fails_once_is_outvoted_where_motion_vouches_for_the_subject() -> None:
    nothing, colours = np.zeros(SHAPE, np.float32), np.zeros(SHAPE, np.uint16)
    kept = []
    for own in (flow_of(RIGHT), np.zeros((*SHAPE, 2), np.float32)):
        model = AppearanceModel(0.95 * subject(80), areas=[1200] * 3)
        for _ in range(2):
            model.expect(colours, None, own, 3)
            model.update(nothing, colours)
            kept.append((float(model.matte[45, 60]), model.reliability))
    moving, lost, *still = kept
    assert moving[0] > 0.7
    assert moving[1] == 1
    assert lost[0] < 0.3, "the second failure in a row is believed"
    assert still[0][0] < 0.3


def test_a_scene_begins_where_the_subject_moves_and_without_what_stands_there() -> None:
    colours = np.zeros(SHAPE, np.uint16)
    colours[30:60, 40:120] = 1
    standing, mixed = np.zeros(SHAPE, np.float32), subject()
    standing[20:80, 95:140] = 1
    best, matte, _ = best_seed(
        [Candidate(standing, colours, flow_of(RIGHT)), Candidate(mixed, colours, flow_of(RIGHT))]
    )
    assert best == 1
    assert matte[45, 60] > 0.9
    assert matte[45, 110] < matte[45, 60] - 0.1


def test_specks_do_not_widen_the_part_looked_at() -> None:
    matte = subject()
    matte[2:6, 150:154] = 1
    assert not without_specks(matte > 0.4)[:10].any()
    assert AppearanceModel(matte).box((900, 1600)) == AppearanceModel(subject()).box((900, 1600))
    assert not without_specks(np.zeros(SHAPE, bool)).any()


def test_the_box_follows_a_subject_that_becomes_smaller_by_frames_and_not_by_keys() -> None:
    heights = []
    for keys, frames in ((6, 2), (2, 6)):
        model = AppearanceModel(subject(120))
        model.box((900, 1600))
        model.matte = subject(70)
        for _ in range(keys):
            model.shrink_box(frames)
            model.box((900, 1600))
        heights.append(model.size[1])
    assert heights[0] == pytest.approx(heights[1])
    assert 30 <= heights[0] < 60


def test_a_post_that_the_subject_passes_is_let_go() -> None:
    """The eye sees the colourful post in every frame, and for a third of them it touches the disc."""

    class Unsure(Eye):
        def __call__(self, rgb: Pixels) -> Pixels:
            return np.asarray(super().__call__(rgb) * 0.93, np.uint8)

    noise = np.random.default_rng(4)
    behind, inside = (noise.normal(128, 60, (270, 480, 1)).astype(np.float32) for _ in range(2))
    behind, inside = (cv2.GaussianBlur(each, (0, 0), 2)[..., None].clip(0, 255) for each in (behind, inside))
    post = np.zeros((270, 480, 1), bool)
    post[60:, 230:255] = True
    scene, truths = [], []
    for at in range(20):
        disc = np.zeros((270, 480), np.uint8)
        cv2.circle(disc, (90 + 12 * at, 120), 40, 255, -1)
        moved = np.roll(inside, 12 * at, axis=1)
        rgb = np.where(post, behind * (1.5, 0.5, 0.3), behind)
        rgb = np.where(disc[..., None] > 0, moved * (1.6, 0.4, 0.4), rgb)
        scene.append(rgb.clip(0, 255).astype(np.uint8))
        truths.append(disc)
    mattes = [frame.alpha for frame in track_subject(Unsure())(clip(scene))]
    assert overlap(Unsure()(scene[0]), truths[0]) < 0.6
    assert max(matte[190:, 230:255].mean() for matte in mattes) < 64
    assert min(overlap(matte, truth) for matte, truth in zip(mattes, truths, strict=True)) > 0.7
