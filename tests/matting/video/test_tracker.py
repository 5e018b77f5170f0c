"""Following, with an eye that is as good as a network on these drawn clips: it sees whatever is colourful."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from fractions import Fraction

import cv2
import numpy as np
import pytest

from vimix.frame import Frame, Pixels, opaque
from vimix.matting.video.tracker import POLICIES, KeyframePolicy, track_subject
from vimix.points import Point

SIZE = (90, 160)
RED, BLUE = (220, 40, 30), (40, 60, 230)
Disc = tuple[float, float, float, tuple[int, int, int]]
"""x, y, radius, colour"""


class Eye:
    """Alpha by saturation, softened; counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, rgb: Pixels) -> Pixels:
        self.asked += 1
        colourful = rgb.max(axis=2).astype(int) - rgb.min(axis=2)
        return np.asarray(cv2.GaussianBlur(((colourful > 80) * 255).astype(np.uint8), (0, 0), 0.8), np.uint8)


def ground(seed: int = 0, light: int = 120) -> Pixels:
    noise = np.random.default_rng(seed).normal(light, 60, SIZE).astype(np.float32)
    grey = cv2.GaussianBlur(noise, (0, 0), 2).clip(0, 255).astype(np.uint8)
    return np.dstack([grey] * 3)


def picture(discs: Sequence[Disc], behind: Pixels | None = None) -> Pixels:
    rgb = (ground() if behind is None else behind).copy()
    for x, y, radius, colour in discs:
        cv2.circle(rgb, (round(x), round(y)), round(radius), colour, -1)
    return rgb


def mask(discs: Sequence[Disc]) -> Pixels:
    alpha = np.zeros(SIZE, np.uint8)
    for x, y, radius, _ in discs:
        cv2.circle(alpha, (round(x), round(y)), round(radius), 255, -1)
    return alpha


def clip(pictures: Sequence[Pixels], alpha: Pixels | None = None) -> Iterator[Frame]:
    for at, rgb in enumerate(pictures):
        yield Frame(rgb, opaque(*rgb.shape[:2]) if alpha is None else alpha, Fraction(at, 20), Fraction(1, 20))


def overlap(ours: Pixels, theirs: Pixels) -> float:
    one, other = ours > 127, theirs > 127
    union = (one | other).sum()
    return float((one & other).sum() / union) if union else 1.0


def moving(at: int) -> list[Disc]:
    return [(30 + 2.5 * at, 45 + 8 * np.sin(at / 4), 14, RED)]


def solve(
    pictures: Sequence[Pixels], quality: str = "balanced", points: Sequence[str] = ()
) -> tuple[list[Pixels], Eye]:
    eye = Eye()
    stage = track_subject(eye, policy=POLICIES[quality], points=[Point.parse(text) for text in points])
    frames = list(stage(clip(pictures)))
    assert [frame.time for frame in frames] == [Fraction(at, 20) for at in range(len(pictures))]
    return [frame.alpha for frame in frames], eye


@pytest.mark.parametrize("quality", POLICIES)
def test_a_moving_subject_is_kept_with_no_more_looks_than_are_paid_for(quality: str) -> None:
    scene = [moving(at) for at in range(40)]
    mattes, eye = solve([picture(discs) for discs in scene], quality)
    worst = min(overlap(matte, mask(discs)) for matte, discs in zip(mattes, scene, strict=True))
    least, looks = {"fast": (0.75, 26), "balanced": (0.88, 40), "best": (0.88, 50)}[quality]
    assert worst > least
    assert eye.asked <= looks


def test_frames_that_do_not_change_cost_nothing() -> None:
    mattes, eye = solve([picture(moving(0))] * 60)
    assert eye.asked <= 4
    assert all(np.array_equal(matte, mattes[0]) for matte in mattes)


def test_a_cut_begins_anew() -> None:
    dark = ground(1, 30)
    first = [picture(moving(at)) for at in range(9)]
    then = [[(120 - 2.0 * at, 30.0, 12.0, BLUE)] for at in range(9)]
    mattes, _ = solve([*first, *(picture(discs, dark) for discs in then)])
    assert overlap(mattes[8], mask(moving(8))) > 0.9
    assert min(overlap(matte, mask(discs)) for matte, discs in zip(mattes[9:], then, strict=True)) > 0.88


def test_subjects_that_begin_together_stay_together() -> None:
    scene = [[*moving(at), (130.0, 20.0 + at, 10.0, BLUE)] for at in range(20)]
    mattes, _ = solve([picture(discs) for discs in scene])
    assert min(overlap(matte, mask(discs)) for matte, discs in zip(mattes, scene, strict=True)) > 0.85


def test_what_comes_later_and_goes_is_a_bystander() -> None:
    scene = [moving(at) + ([(145.0, 12.0, 6.0, BLUE)] if 11 <= at < 18 else []) for at in range(20)]
    mattes, _ = solve([picture(discs) for discs in scene])
    assert overlap(mattes[16], mask(moving(16))) > 0.85


@pytest.mark.parametrize("place", ["0.8,0.25", "0.7,0.1,0.95,0.5"])
def test_a_click_or_a_box_chooses_and_a_later_click_corrects(place: str) -> None:
    blue: Disc = (130.0, 22.0, 11.0, BLUE)
    scene = [picture([*moving(at), blue]) for at in range(16)]
    mattes, _ = solve(scene, points=[place])
    assert min(overlap(matte, mask([blue])) for matte in mattes) > 0.85
    x, y, *_ = moving(8)[0]
    mattes, _ = solve(scene, points=[place, f"{x / SIZE[1]},{y / SIZE[0]},0.4"])
    assert overlap(mattes[7], mask([blue])) > 0.8
    assert min(overlap(matte, mask(moving(at))) for at, matte in enumerate(mattes[8:], 8)) > 0.85


def test_a_subject_that_leaves_is_found_when_it_comes_back() -> None:
    def discs(at: int) -> list[Disc]:
        return [] if 12 <= at < 22 else [(30 + 3.0 * at if at < 12 else 60 + 3.0 * (at - 22), 45.0, 14.0, RED)]

    mattes, _ = solve([picture(discs(at)) for at in range(36)])
    assert overlap(mattes[5], mask(discs(5))) > 0.88
    assert mattes[17].max() < 64
    assert min(overlap(mattes[at], mask(discs(at))) for at in range(26, 36)) > 0.85


def test_a_subject_that_fills_the_picture_is_followed_too() -> None:
    mattes, _ = solve([picture([(80 + at, 45, 140, RED)]) for at in range(6)])
    assert min(matte.min() for matte in mattes) > 200


def test_no_frame_is_looked_at_twice_where_the_subject_fills_it_nearly() -> None:
    scene = [[(80 + at, 45, 85, RED)] for at in range(6)]
    mattes, eye = solve([picture(discs) for discs in scene], "best")
    assert min(overlap(matte, mask(discs)) for matte, discs in zip(mattes, scene, strict=True)) > 0.95
    assert eye.asked == len(scene)


def test_a_banner_is_followed() -> None:
    behind = np.ascontiguousarray(np.tile(ground()[:24], (1, 3, 1)))
    scene = [[(60.0 + 6 * at, 12.0, 9.0, RED)] for at in range(12)]
    mattes, _ = solve([picture(discs, behind) for discs in scene])
    true = [picture(discs, np.zeros_like(behind))[..., 0] for discs in scene]
    assert min(overlap(ours, theirs) for ours, theirs in zip(mattes, true, strict=True)) > 0.7


def test_an_empty_picture_stays_empty_and_no_frames_are_no_frames() -> None:
    mattes, _ = solve([ground(), ground(3), ground(4)])
    assert max(matte.max() for matte in mattes) < 30
    assert solve([])[0] == []


def test_the_alpha_that_a_frame_brings_is_kept() -> None:
    half = np.full(SIZE, 255, np.uint8)
    half[:, :30] = 0
    frames = list(track_subject(Eye())(clip([picture(moving(0)), picture(moving(1))], half)))
    assert frames[1].alpha[:, :30].max() == 0
    assert frames[1].alpha.max() > 250


def test_frames_of_another_size_begin_a_scene() -> None:
    small = np.asarray(cv2.resize(picture(moving(0)), (80, 45), interpolation=cv2.INTER_AREA), np.uint8)
    mattes, _ = solve([picture(moving(0)), picture(moving(1)), small, small])
    assert [matte.shape for matte in mattes] == [SIZE, SIZE, (45, 80), (45, 80)]


def test_it_waits_for_a_window_and_holds_no_more_than_three() -> None:
    pulled = 0

    def source() -> Iterator[Frame]:
        nonlocal pulled
        for frame in clip([picture(moving(at % 40)) for at in range(128)]):
            pulled += 1
            yield frame

    policy = KeyframePolicy(max_interval=4, window=16)  # four chunks, as many as may wait
    with closing(track_subject(Eye(), policy=policy)(source())) as frames:
        next(frames)
        assert policy.window <= pulled <= 4 * policy.window + 1


def test_a_failing_look_is_raised_where_frames_are_pulled() -> None:
    def broken(rgb: Pixels) -> Pixels:
        raise RuntimeError("the network broke")

    with pytest.raises(RuntimeError, match="the network broke"):
        list(track_subject(broken)(clip([picture(moving(0))])))


@pytest.mark.parametrize("quality", sorted(POLICIES))
def test_threads_change_no_pixel(quality: str) -> None:
    """Two scenes in several windows, with a click in the second one."""
    scenes = [
        [picture(moving(at)) for at in range(40)],
        [picture([(70 - at, 40, 14, BLUE)], ground(9, 60)) for at in range(20)],
    ]
    pictures = [rgb for scene in scenes for rgb in scene]
    point = Point.parse("0.5,0.5,2")
    found = [
        [
            frame.alpha
            for frame in track_subject(Eye(), policy=POLICIES[quality], points=[point], threads=threads)(clip(pictures))
        ]
        for threads in (1, 4, 16)
    ]
    for other in found[1:]:
        assert all(np.array_equal(first, second) for first, second in zip(found[0], other, strict=True))
    assert sum(int(alpha.any()) for alpha in found[0]) > 30
