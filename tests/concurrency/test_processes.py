"""Work in other processes: the same results, whatever becomes of them, and nothing left behind.

They are forked before there is any thread, which pytest cannot promise: each scene is a process of its own.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import active_children
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.clips import draw
from vimix import remove_background
from vimix.concurrency.processes import _Helper, offload, processes

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux only")
ROOT = Path(__file__).parents[2]


@offload
def where(_: object = None) -> int:
    return os.getpid()


@offload
def doubled(picture: NDArray[np.uint8], offset: int) -> NDArray[np.uint8]:
    return picture * np.uint8(2) + np.uint8(offset)


@offload
def slow(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


@offload
def divided(by: int) -> float:
    return 1 / by


def same_results() -> None:
    picture = np.arange(60 * 80 * 3, dtype=np.uint8).reshape(60, 80, 3)
    views = [
        picture,
        picture[5:40, ::2],
        picture.transpose(1, 0, 2),
        np.broadcast_to(np.uint8(255), (30, 20)),
        picture[:0],
    ]
    with processes(2), ThreadPoolExecutor(4) as pool:
        for view in views:
            for offset, made in enumerate(pool.map(doubled, [view] * 20, range(20))):
                assert np.array_equal(made, view * np.uint8(2) + np.uint8(offset))
                made[...] = 0  # it is ours
        pids = set(pool.map(where, range(50)))
        assert pids <= {child.pid for child in active_children()}
        with pytest.raises(ZeroDivisionError):
            divided(0)
        assert divided(by=2) == 0.5
        assert where(np.zeros(2**27, np.uint8)) == os.getpid()  # does not fit
        assert where() in pids


def killed_ones_are_replaced_by_the_caller() -> None:
    with processes(2):
        for child in active_children():
            os.kill(child.pid or 0, signal.SIGKILL)
        assert [where() for _ in range(4)] == [os.getpid()] * 4


def an_answer_nobody_waited_for_is_not_the_next_one() -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGALRM, interrupt)
    with processes(1):
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with pytest.raises(KeyboardInterrupt):
            slow(1.0)
        assert divided(4) == 0.25


def nothing_is_left() -> None:
    def opened() -> set[str]:
        return set(os.listdir("/proc/self/fd"))

    with processes(1):
        pass  # what the first fork of a process opens for good
    before = opened()
    with processes(3):
        assert where() != os.getpid()
    assert opened() == before
    assert not active_children()
    assert where() == os.getpid()


def none_beside_threads() -> None:
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    with processes(2):
        assert where() == os.getpid()
    stop.set()
    thread.join()


def wait_to_be_killed() -> None:
    with processes(2):
        print(*(child.pid for child in active_children()), flush=True)
        time.sleep(60)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def until_alone() -> None:
    """A thread that was joined may be listed for a moment more."""
    deadline = time.monotonic() + 10
    while len(os.listdir("/proc/self/task")) > 1:
        assert time.monotonic() < deadline
        time.sleep(0.001)


def play(scene: Callable[[], None], *more: str) -> "subprocess.Popen[str]":
    code = f"from tests.concurrency.test_processes import {scene.__name__}; {scene.__name__}()"
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", code, *more], stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment
    )


def python_has_them_as_the_command_line_has() -> None:
    clip = Path(sys.argv[1])
    done, do = list[str](), _Helper.do

    def counted(*given: Any) -> Any:
        done.append("over there")
        return do(*given)

    with patch.object(_Helper, "do", counted):
        remove_background(clip, clip.with_name("one.webp"))
        assert done
        assert not active_children()
        done.clear()
        with ThreadPoolExecutor(1) as pool:
            pool.submit(remove_background, clip, clip.with_name("other.webp")).result()
        assert not done, "beside threads nothing is forked"
    until_alone()
    assert clip.with_name("one.webp").read_bytes() == clip.with_name("other.webp").read_bytes()
    with processes(1):
        outer = where()
        with processes(2):
            assert where() == outer != os.getpid()
        assert where() == outer


SCENES = (
    same_results,
    killed_ones_are_replaced_by_the_caller,
    an_answer_nobody_waited_for_is_not_the_next_one,
    nothing_is_left,
    none_beside_threads,
)


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
def test_scene(scene: Callable[[], None]) -> None:
    with play(scene) as process:
        assert process.wait(30) == 0


def test_python_makes_the_same_file_with_them_and_without(tmp_path: Path) -> None:
    clip = draw(tmp_path / "clip.mp4", frames=6, fps=12, screen=True).path
    with play(python_has_them_as_the_command_line_has, str(clip)) as process:
        assert process.wait(60) == 0


def test_they_end_with_a_caller_that_is_killed() -> None:
    with play(wait_to_be_killed) as process:
        assert process.stdout is not None
        pids = [int(pid) for pid in process.stdout.readline().split()]
        assert len(pids) == 2
        assert all(alive(pid) for pid in pids)
        process.kill()
    deadline = time.monotonic() + 5
    while any(alive(pid) for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("arguments", [[], ["--lossless"]], ids=["lossy", "lossless"])
def test_the_command_line_makes_the_same_file_with_them_as_python_without(tmp_path: Path, arguments: list[str]) -> None:
    clip = draw(tmp_path / "clip.mp4", frames=6, fps=12, screen=True).path
    one, other = tmp_path / "one.webp", tmp_path / "other.webp"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-m", "vimix", str(clip), str(one), *arguments], check=True, env=environment)
    remove_background(clip, other, lossless=bool(arguments))
    assert one.read_bytes() == other.read_bytes()
