"""Whom a run waits for, with stages that only sleep."""

import time
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from tests.clips import draw
from vimix.concurrency.threads import ahead, in_order
from vimix.frame import Frame, Frames, Stage
from vimix.options import Options
from vimix.pipeline.request import Resources
from vimix.pipeline.run import run
from vimix.pipeline.timings import ENCODING, PREPARING, Clock, passed_on

FRAMES, NAP = 12, 0.02


def frames() -> Frames:
    rgb, alpha = np.zeros((2, 2, 3), np.uint8), np.zeros((2, 2), np.uint8)
    for at in range(FRAMES):
        time.sleep(NAP / 10)
        yield Frame(rgb, alpha, Fraction(at), Fraction(1))


def nap(seconds: float, *, threads: bool) -> Stage:
    def work(frame: Frame) -> Frame:
        time.sleep(seconds)
        return frame

    def stage(given: Iterable[Frame]) -> Frames:
        if threads:
            return in_order(work, given, workers=2)
        return (work(frame) for frame in given)

    return stage


def timed(*naps: float, threads: bool, encode: float = 0.0) -> dict[str, float]:
    clock = Clock()
    time.sleep(NAP)
    names = ("decoding", "network", "smoothing", "edges")
    stages = [passed_on, *(nap(seconds, threads=threads) for seconds in naps)]
    began = time.perf_counter()
    made: Iterable[Frame] = frames()
    for name, stage in zip(names, stages, strict=False):
        made = clock.timed(name, stage)(made)
    for _ in made:
        time.sleep(encode)
    seconds, spent = clock.seconds(), time.perf_counter() - began + NAP
    assert sum(seconds.values()) == pytest.approx(spent, abs=0.3 * spent)
    return seconds


@pytest.mark.parametrize("threads", [False, True])
def test_the_slow_stage_is_named_whatever_its_threads(threads: bool) -> None:
    seconds = timed(0.0, 4 * NAP, 0.0, threads=threads)
    assert max(seconds, key=lambda name: seconds[name]) == "smoothing"
    assert seconds["smoothing"] > 0.6 * sum(seconds.values())
    assert seconds[PREPARING] >= NAP * 0.9


def test_a_slow_encoder_is_named() -> None:
    seconds = timed(0.0, 0.0, threads=True, encode=3 * NAP)
    assert seconds[ENCODING] > 0.7 * sum(seconds.values())


def test_a_slow_decoder_is_named() -> None:
    clock = Clock()
    slow = clock.timed("decoding", nap(3 * NAP, threads=False))(frames())
    for _ in clock.timed("network", nap(0.0, threads=True))(ahead(slow, depth=2)):
        pass
    seconds = clock.seconds()
    assert seconds["decoding"] > 0.7 * sum(seconds.values())


def test_closing_early_leaves_the_clock_in_order() -> None:
    clock = Clock()
    made = clock.timed("network", nap(0.0, threads=True))(clock.timed("decoding", passed_on)(frames()))
    next(made)
    made.close()
    clock.seconds()
    time.sleep(NAP)
    assert clock.seconds()[ENCODING] >= NAP * 0.9


def test_the_card_names_every_stage_and_they_add_up(tmp_path: Path) -> None:
    clip = draw(tmp_path / "clip.mp4", frames=20, fps=20, screen=True).path
    *_, done = run(clip, tmp_path / "out.webp", Options(), Resources(tmp_path))
    timings = dict(done.card["timings"])  # type: ignore[union-attr]
    total = timings.pop("total")
    assert {"preparing", "decoding", "key", "smoothing", "edges", "encoding"} <= timings.keys()
    assert sum(timings.values()) == pytest.approx(total, rel=0.05, abs=0.05)
