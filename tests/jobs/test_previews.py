"""Filmstrips, previews and comparisons: a file that crashes, hangs or fills memory harms its own request only."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import PIL.Image
import pytest
from PIL import Image

from tests.web.drawn import draw
from vimix.errors import Busy, Refused, VimixError
from vimix.jobs import previews as room
from vimix.jobs.previews import Previews
from vimix.jobs.worker.child_process import Bounds, ChildProcess
from vimix.settings import Settings


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw(tmp_path_factory.mktemp("clip") / "green.mp4", wall=(20, 176, 72))


@pytest.fixture
def previews(tmp_path: Path) -> Iterator[Previews]:
    made = Previews(Settings(data_dir=tmp_path, model_dir=tmp_path / "models", device="cpu"))
    yield made
    made.close()


def asked(kind: str, clip: Path) -> dict[str, Any]:
    if kind == "compare":
        return {"before": str(clip), "after": str(clip), "start": 0.0, "time": 0.5}
    return {"clip": str(clip)} | ({"time": 0.5, "looks": ["chroma"]} if kind == "preview" else {})


KINDS = ("filmstrip", "compare", "preview")
PATIENCE = 120.0
"""Seconds after which an answer does not come any more, however busy the machine is."""


@pytest.mark.parametrize("kind", KINDS)
def test_no_file_is_opened_in_this_process(
    previews: Previews, clip: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def opened(*_: object, **__: object) -> None:
        raise AssertionError("a stranger's file was decoded here")

    monkeypatch.setattr(av, "open", opened)
    monkeypatch.setattr(PIL.Image, "open", opened)
    assert previews.ask(kind, "anyone", **asked(kind, clip))["kind"] in ("film", "moment", "trial")


def warm(previews: Previews, kind: str, clip: Path) -> ChildProcess:
    """The child of that kind, which has answered a request."""
    previews.ask(kind, "anyone", **asked(kind, clip))
    return previews._network if kind == "preview" else previews._decode


def during(previews: Previews, kind: str, clip: Path, act: Callable[[int], None]) -> Exception:
    """What comes of a request whose child meets `act` while it works."""
    warm(previews, kind, clip)
    return stopped(previews, kind, clip, act)


def stopped(previews: Previews, kind: str, clip: Path, act: Callable[[int], None]) -> Exception:
    """The same with a child that is warm already."""
    pid = (previews._network if kind == "preview" else previews._decode).pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)  # so that the request is under way, however fast this machine is
    with ThreadPoolExecutor(1) as thread:
        answer = thread.submit(previews.ask, kind, "anyone", **asked(kind, clip))
        act(pid)
        error = answer.exception(timeout=PATIENCE)
    assert isinstance(error, Exception)
    return error


@pytest.mark.parametrize("kind", KINDS)
def test_a_crash_ends_its_own_request_only(previews: Previews, clip: Path, kind: str) -> None:
    error = during(previews, kind, clip, lambda pid: os.kill(pid, signal.SIGKILL))
    assert isinstance(error, Refused)
    assert previews.ask(kind, "anyone", **asked(kind, clip))


@pytest.mark.parametrize("kind", KINDS)
def test_a_request_that_hangs_is_ended_at_its_deadline(previews: Previews, clip: Path, kind: str) -> None:
    child = warm(previews, kind, clip)
    child._bounds = replace(child._bounds, wall=0.2)
    assert isinstance(stopped(previews, kind, clip, lambda pid: None), Refused)  # it stands still until then
    other = "preview" if kind != "preview" else "filmstrip"
    assert previews.ask(other, "somebody else", **asked(other, clip))


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_fills_memory_is_refused(tmp_path: Path, clip: Path, kind: str) -> None:
    large = tmp_path / "large.png"
    Image.new("RGB", (4900, 4900)).save(large, compress_level=1)
    previews = Previews(Settings(data_dir=tmp_path, device="cpu", model_dir=tmp_path), bounds=Bounds(wall=PATIENCE))
    try:
        child = warm(previews, kind, clip)
        status = Path(f"/proc/{child.pid}/status").read_text()
        mapped = int(status.partition("VmSize:")[2].split()[0]) << 10
        child._bounds = replace(child._bounds, address_space=mapped + (60 << 20))  # less than the picture needs
        with pytest.raises(VimixError):
            previews.ask(kind, "anyone", **asked(kind, large))
        assert previews.ask(kind, "anyone", **asked(kind, clip))
    finally:
        previews.close()


def test_a_visitor_cannot_take_the_whole_line(previews: Previews, clip: Path) -> None:
    pid = warm(previews, "filmstrip", clip).pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    with ThreadPoolExecutor(40) as threads:
        try:
            answers = [
                threads.submit(previews.ask, "filmstrip", "greedy", **asked("filmstrip", clip)) for _ in range(20)
            ]
            refused: set[Any] = set()
            while len(refused) < 20 - room.PER_VISITOR:  # the others wait for the child, which stands still
                refused = {answer for answer in answers if answer.done()}
                wait(set(answers) - refused, timeout=0.05)
            assert all(isinstance(answer.exception(), Busy) for answer in refused)
            assert previews.ask("preview", "honest", **asked("preview", clip))
        finally:
            os.kill(pid, signal.SIGCONT)
        assert sum(answer.exception(PATIENCE) is None for answer in answers) == room.PER_VISITOR


def test_all_visitors_together_hold_so_many_threads(previews: Previews, clip: Path) -> None:
    pid = warm(previews, "filmstrip", clip).pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    with ThreadPoolExecutor(room.WAITING) as threads:
        try:
            for number in range(room.WAITING):
                threads.submit(previews.ask, "filmstrip", str(number), **asked("filmstrip", clip))
            began = threading.Event()
            while previews._under_way.total() < room.WAITING:
                began.wait(0.01)
            with pytest.raises(Busy):
                previews.ask("filmstrip", "one more", **asked("filmstrip", clip))
        finally:
            os.kill(pid, signal.SIGCONT)


@pytest.mark.weights
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_warm_preview_of_three_qualities_costs_little_more_than_one(tmp_path: Path) -> None:
    """They share a network and its prediction: by the child's processor time, however busy the machine is."""
    clip = draw(tmp_path / "clip.mp4", wall=(120, 120, 120))
    previews = Previews(Settings(data_dir=tmp_path), bounds=Bounds(wall=600, stall=600))

    def cost(looks: list[str]) -> float:
        given = {"clip": str(clip), "time": 0.5, "looks": looks}
        previews.ask("preview", "anyone", **given)
        before = spent(previews._network.pid)
        answer = previews.ask("preview", "anyone", **given)
        assert len(answer["looks"]) == max(1, len(looks))
        return spent(previews._network.pid) - before

    try:
        one, three = cost(["balanced"]), cost(["fast", "balanced", "best"])
    finally:
        previews.close()
    assert three < 1.7 * one


def spent(pid: int | None) -> float:
    """Seconds of processor time of a process so far, as the kernel counts them."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.skipif(sys.platform != "linux", reason="a rule of Linux")
def test_a_server_s_environment_is_hidden_from_its_children() -> None:
    code = "import ctypes; from vimix.jobs.worker.child_process import hide_environment as hide; hide(); "
    code += "print(ctypes.CDLL(None).prctl(3))"  # PR_GET_DUMPABLE
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "0"
