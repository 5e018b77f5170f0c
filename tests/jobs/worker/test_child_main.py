"""What the child says of a running job, with a clock that the work itself winds: a look at a picture takes a second."""

import threading
import time
from collections.abc import Generator, Iterable, Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.matting.video.test_tracker import RED, Eye, clip, moving, picture
from vimix.events import Done, Note, Progress
from vimix.frame import Frame, Pixels, opaque
from vimix.jobs.worker import child_main
from vimix.jobs.worker.progress import PREVIEW_BYTES, PREVIEW_SIZE, ProgressReporter
from vimix.matting.video.propagation import propagate
from vimix.matting.video.segments import FrameGroup, windows
from vimix.matting.video.tracker import POLICIES, KeyframePolicy, _Tracker


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)


def reporter_in(folder: Path) -> tuple[ProgressReporter, list[dict[str, Any]]]:
    sent: list[dict[str, Any]] = []
    return ProgressReporter(lambda event, **values: sent.append({"event": event, **values}), folder), sent


def frame(colour: int = 0) -> Frame:
    return Frame(np.full((90, 160, 3), colour, np.uint8), opaque(90, 160), Fraction(0), Fraction(1, 20))


def followed(eye: Eye, policy: KeyframePolicy, pictures: Iterable[Pixels]) -> Iterator[FrameGroup]:
    """Each shot in one thread, so that what was asked of the eye until then is the same every time."""
    chunks = _Tracker(eye, policy, []).chunks(windows(clip(list(pictures)), policy.window))
    return chain.from_iterable(map(propagate, chunks))


@pytest.mark.parametrize("policy", [POLICIES["balanced"], POLICIES["best"], KeyframePolicy(max_interval=4, window=8)])
def test_the_time_left_is_not_below_the_truth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, policy: KeyframePolicy
) -> None:
    clock, eye = Clock(monkeypatch), Eye()
    reporter, sent = reporter_in(tmp_path)
    pictures = [picture([(30.0, 30 + at % 40, 14, RED)]) for at in range(160)]  # so slow that it begins at its first
    reporter.progress(Progress(0, len(pictures), frame()))
    sent_at = []
    for done, snapshot in enumerate(followed(eye, policy, pictures), 1):
        clock.now = 100.0 + eye.asked + done * 0.1
        reporter.progress(Progress(done, len(pictures), snapshot.frames[0]))
        sent_at.append((sent[-1]["done"], sent[-1]["left"], clock.now))
    end = clock.now
    late = [(done, left, end - now) for done, left, now in sent_at if done > len(pictures) / 10 and end - now > 2]
    assert len(late) > 50
    assert all(left >= 0.7 * truth for _, left, truth in late), late
    assert all(left <= 1.6 * truth for done, left, truth in late if done > len(pictures) / 2), late


def test_following_hands_out_frames_as_it_finds_them() -> None:
    eye = Eye()
    pictures = [picture(moving(at % 40)) for at in range(96)]
    asked = []
    for _ in followed(eye, POLICIES["balanced"], pictures):
        asked.append(eye.asked)
    first = POLICIES["balanced"].window
    assert max(after - before for before, after in zip(asked[first:], asked[first + 1 :], strict=False)) <= 2
    assert asked[first] < asked[-1] / 2


def test_a_second_way_through_the_clip_is_timed_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    reporter, sent = reporter_in(tmp_path)
    for pause in (1.0, 0.25):
        for done in range(1, 11):
            clock.now += pause
            reporter.progress(Progress(done, 10, frame()))
            if done == 5:
                assert sent[-1]["fps"] == pytest.approx(1 / pause)
                assert sent[-1]["left"] == pytest.approx(5 * pause, abs=0.06)


def test_a_cancel_after_the_end_of_a_job_is_not_heard_by_the_next() -> None:
    stop = threading.Event()
    done = Done(Path("result"), {})

    def work() -> Generator[Note | Progress | Done, None, None]:
        yield Note("begun")
        yield done

    sent = []
    for event in child_main._until(work(), stop):
        sent.append(event)
        if event is done:
            stop.set()
    assert sent[1:] == [done]


def test_pictures_are_shown_four_times_a_second_and_are_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    reporter, sent = reporter_in(tmp_path)
    noise = np.random.default_rng(0)
    for done in range(1, 101):
        clock.now += 0.02
        rgb = noise.integers(0, 255, (720, 1280, 3), np.uint8) if done % 20 == 0 else frame().rgb
        reporter.progress(Progress(done, 100, Frame(rgb, opaque(*rgb.shape[:2]), Fraction(done, 50), Fraction(1, 50))))
        preview = tmp_path / "preview.webp"
        assert preview.stat().st_size <= PREVIEW_BYTES
    assert sent[-1]["preview"] == 8  # two seconds
    with Image.open(preview) as shown:
        assert max(shown.size) <= max(PREVIEW_SIZE)
    assert [path.name for path in tmp_path.iterdir()] == ["preview.webp"]
