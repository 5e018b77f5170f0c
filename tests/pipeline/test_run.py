"""The loop: in order, one event a frame, and nothing left behind however it ends."""

import threading
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.clips import draw
from vimix.concurrency.threads import ahead
from vimix.errors import Failed
from vimix.events import FinishEarly, Progress, Result
from vimix.frame import Frame, Frames, Stage
from vimix.media.decode import open_source
from vimix.pipeline.run import cut_out
from vimix.sinks import Encoding, open_sink

FRAMES = 8


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert not [thread for thread in threading.enumerate() if thread not in before]


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return draw(tmp_path / "clip.mp4", frames=FRAMES).path


def halved(frames: Iterable[Frame]) -> Frames:
    for frame in frames:
        yield replace(frame, alpha=frame.alpha // 2)


def beside(frames: Iterable[Frame]) -> Frames:
    with closing(ahead(frames, depth=2)) as waiting:
        yield from waiting


def broken(frames: Iterable[Frame]) -> Frames:
    for index, frame in enumerate(frames):
        if index == 3:
            raise Failed("The engine broke.")
        yield frame


def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir(exist_ok=True)
    return folder / "out.webp"


def test_every_frame_is_told_of_and_the_last_event_is_the_file(clip: Path, tmp_path: Path) -> None:
    sink = open_sink("webp", out(tmp_path), Encoding())
    events = list(cut_out(open_source(clip), [halved, beside], sink))
    assert [event.done for event in events if isinstance(event, Progress)] == list(range(1, FRAMES + 1))
    assert events[-1] == Result(out(tmp_path), FRAMES)
    assert out(tmp_path).stat().st_size > 100


@pytest.mark.parametrize("stages", [[], [beside], [beside, halved, beside]], ids=len)
@pytest.mark.parametrize("taken", range(0, FRAMES + 1, 2))
@pytest.mark.parametrize("format", ["webp", "webm", "png-zip", "hevc"])
def test_closing_leaves_nothing(clip: Path, tmp_path: Path, stages: list[Stage], taken: int, format: str) -> None:
    path = out(tmp_path).with_suffix(".any")
    run = cut_out(open_source(clip), stages, open_sink(format, path, Encoding()))
    for _ in range(taken):
        next(run)
    run.close()
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize("stages", [[broken], [beside, broken], [broken, beside], [beside, broken, beside]])
def test_a_stage_that_breaks_leaves_nothing(clip: Path, tmp_path: Path, stages: list[Stage]) -> None:
    with pytest.raises(Failed):
        list(cut_out(open_source(clip), stages, open_sink("webp", out(tmp_path), Encoding())))
    assert list(out(tmp_path).parent.iterdir()) == []


def test_stopping_early_keeps_what_is_done(clip: Path, tmp_path: Path) -> None:
    run = cut_out(open_source(clip), [beside], open_sink("webp", out(tmp_path), Encoding()))
    for _ in range(3):
        next(run)
    assert run.throw(FinishEarly()) == Result(out(tmp_path), 3)
    with pytest.raises(StopIteration):
        next(run)
    assert out(tmp_path).exists()
