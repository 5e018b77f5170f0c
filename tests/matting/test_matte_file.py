"""A stored matte gives back every byte and every time, and says so when it cannot."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from vimix.errors import Failed, StoreError
from vimix.frame import Frame, opaque
from vimix.matting.matte_file import about, play_back, store, stored_alpha_at, stored_alphas


def frames(count: int = 6, size: tuple[int, int] = (45, 64), fps: Fraction = Fraction(30000, 1001)) -> Iterator[Frame]:
    """A soft disc that wanders over noise; variable timing is welcome through `fps`."""
    height, width = size
    y, x = np.mgrid[:height, :width]
    rng = np.random.default_rng(7)
    for n in range(count):
        alpha = np.clip((12 - np.hypot(x - 20 - 3 * n, y - 22)) * 40, 0, 255).astype(np.uint8)
        alpha[5, 5] = n
        yield Frame(rng.integers(0, 256, (height, width, 3), np.uint8), alpha, n / fps, 1 / fps)


def stored(path: Path, given: list[Frame]) -> Path:
    assert list(map(id, store(path)(given))) == list(map(id, given)), "frames pass through untouched"
    return path


def test_every_byte_and_time_comes_back(tmp_path: Path) -> None:
    given = list(frames())
    given.append(replace(given[-1], time=Fraction(7, 3), alpha=np.zeros((45, 64), np.uint8)))
    given.append(replace(given[-1], time=Fraction(22, 7), alpha=opaque(45, 64)))
    given.append(
        replace(given[-1], time=Fraction(4), alpha=np.random.default_rng(1).integers(0, 256, (45, 64), np.uint8))
    )
    back = list(stored_alphas(stored(tmp_path / "a.matte", given)))
    assert [(cut.time, cut.duration) for cut in back] == [(frame.time, frame.duration) for frame in given]
    for frame, cut in zip(given, back, strict=True):
        np.testing.assert_array_equal(frame.alpha, cut.alpha)


def test_replayed_onto_the_same_frames(tmp_path: Path) -> None:
    given = list(frames())
    path = stored(tmp_path / "a.matte", given)
    for before, after in zip(given, play_back(path)(replace(f, alpha=opaque(45, 64)) for f in given), strict=True):
        assert after.rgb is before.rgb
        np.testing.assert_array_equal(after.alpha, before.alpha)


def test_fewer_frames_and_another_size(tmp_path: Path) -> None:
    given = list(frames(12, fps=Fraction(30)))
    path = stored(tmp_path / "a.matte", given)
    twentieths = [
        Frame(np.zeros((90, 128, 3), np.uint8), opaque(90, 128), Fraction(n, 20), Fraction(1, 20)) for n in range(7)
    ]
    back = list(play_back(path)(twentieths))
    assert back[4].alpha.shape == (90, 128)
    assert abs(back[4].alpha[::2, ::2].astype(int) - given[6].alpha).mean() < 4, "0.2 s is the frame of 0.2 s"


@pytest.mark.parametrize("fps", [Fraction(20), Fraction(29)])
def test_more_frames_than_were_cut_are_refused(tmp_path: Path, fps: Fraction) -> None:
    path = stored(tmp_path / "a.matte", list(frames(8, fps=fps)))
    with pytest.raises(Failed, match="does not belong"):
        list(play_back(path)(frames(20, fps=Fraction(30))))


def test_the_head_tells_what_it_was_told(tmp_path: Path) -> None:
    path = tmp_path / "a.matte"
    list(store(path, {"engine": "chroma"})(frames(1)))
    assert about(path) == {"engine": "chroma", "width": 64, "height": 45}


def test_no_frames_are_a_matte_too(tmp_path: Path) -> None:
    assert list(stored_alphas(stored(tmp_path / "a.matte", []))) == []


@pytest.mark.parametrize("damage", ["empty", "magic", "cut", "no end", "bit", "size", "json"])
def test_damage_is_told(tmp_path: Path, damage: str) -> None:
    path = stored(tmp_path / "a.matte", list(frames()))
    data = bytearray(path.read_bytes())
    if damage == "empty":
        data.clear()
    elif damage == "magic":
        data[0] ^= 1
    elif damage == "cut":
        del data[len(data) // 2 :]
    elif damage == "no end":
        del data[-56:]
    elif damage == "bit":
        data[len(data) // 2] ^= 16
    elif damage == "size":
        data = bytearray(bytes(data).replace(b'"width": 64', b'"width": -4'))
    elif damage == "json":
        data = bytearray(bytes(data).replace(b'{"width"', b'["width"'))
    path.write_bytes(data)
    with pytest.raises(Failed, match="damaged"):
        list(play_back(path)(frames()))


def test_every_byte_counts(tmp_path: Path) -> None:
    """Whatever byte of the records is wrong, the cause is a `Failed`, never a wrong matte or another error."""
    path = stored(tmp_path / "a.matte", list(frames(2, (9, 11))))
    whole = path.read_bytes()
    records = whole.index(b"\n", 12) + 1
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        try:
            back = list(stored_alphas(path))
        except Failed:
            continue
        assert at < records, "only the head's words may differ unseen"
        assert len(back) == 2


@pytest.mark.parametrize("ending", ["closed", "failed", "size"])
def test_unfinished_leaves_nothing(tmp_path: Path, ending: str) -> None:
    def some() -> Iterator[Frame]:
        yield from frames(3)
        if ending == "size":
            yield from frames(1, (20, 20))
        raise RuntimeError("the engine broke")

    before = threading.active_count()
    with closing(store(tmp_path / "a.matte")(some())) as passing:
        next(passing)
        assert len(list(tmp_path.iterdir())) == 1
        if ending != "closed":
            with pytest.raises(Failed if ending == "size" else RuntimeError):
                list(passing)
    assert list(tmp_path.iterdir()) == []
    assert threading.active_count() == before


def test_the_old_matte_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = stored(tmp_path / "a.matte", list(frames(2)))
    with closing(store(path)(frames(5))) as passing:
        next(passing)
        assert len(list(stored_alphas(path))) == 2


def test_where_it_cannot_be_written_or_read(tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        list(store(tmp_path / "missing" / "a.matte")(frames()))
    with pytest.raises(StoreError):
        list(play_back(tmp_path / "missing.matte")(frames()))


def test_packing_is_cheap(tmp_path: Path) -> None:
    """Measured 2 ms of CPU a 720p frame; the tolerance is for slow shared machines."""
    given = list(frames(6, (720, 1280)))
    began = time.process_time()
    stored(tmp_path / "a.matte", given)
    assert (time.process_time() - began) / len(given) < 0.02


def test_one_cut_is_found_by_its_time(tmp_path: Path) -> None:
    path = stored(tmp_path / "a.matte", list(frames(5)))
    every = list(stored_alphas(path))
    for cut in every:
        for moment in (cut.time, cut.time + cut.duration / 2):
            found = stored_alpha_at(path, float(moment) + 1e-6)
            assert found.time == cut.time
            assert np.array_equal(found.alpha, cut.alpha)
    assert stored_alpha_at(path, -1).time == every[0].time
    assert stored_alpha_at(path, 1e9).time == every[-1].time
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(Failed):
        stored_alpha_at(path, 1e9)
    with pytest.raises(Failed):
        stored_alpha_at(stored(tmp_path / "none.matte", []), 0)
