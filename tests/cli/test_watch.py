"""A watched folder: what has settled is taken, what was done is remembered, and it ends when it is told to."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.clips import draw
from vimix.cli.watch import MEMORY, SETTLED, Arrivals, Memory, watch
from vimix.errors import UsageError
from vimix.options import Options
from vimix.pipeline.card import inspect

Events = Iterator[dict[str, Any]]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw(tmp_path_factory.mktemp("watch") / "clip.mp4", frames=3, fps=10, screen=True).path


@contextmanager
def watching(folder: Path, out: Path, number: int = signal.SIGTERM) -> Iterator[Events]:
    """A watch as a process of its own, by its events; ended by that signal."""
    command = [sys.executable, "-m", "vimix", "--watch", str(folder), "--out", str(out), "--format", "gif", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout
    events = map(json.loads, process.stdout)
    try:
        assert next(events)["event"] == "watching"
        yield events
        process.send_signal(number)
        rest, told = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0, told
    assert json.loads(rest.splitlines()[-1])["event"] == "stopped"
    process.stdout.close()


def ended(events: Events) -> dict[str, Any]:
    return next(event for event in events if event["event"] in ("done", "error"))


def test_what_comes_is_cut_out_once_also_by_the_next_watch(clip: Path, tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "cut"
    folder.mkdir()
    shutil.copy(clip, folder / "first.mp4")
    with watching(folder, out) as events:
        assert Path(ended(events)["clip"]).name == "first.mp4"
        (folder / "bad.mp4").write_bytes(b"no video")
        assert ended(events)["code"] == 3
    made = (out / "first.gif").stat().st_mtime_ns
    shutil.copy(clip, folder / "second.mp4")
    with watching(folder, out, signal.SIGINT) as events:
        assert Path(ended(events)["clip"]).name == "second.mp4"
    assert (out / "first.gif").stat().st_mtime_ns == made
    assert sorted(path.name for path in out.iterdir()) == [MEMORY, "first.gif", "second.gif"]
    assert inspect(out / "second.gif")["output"]["frames"] == 3


def test_a_file_that_grows_is_not_taken(tmp_path: Path) -> None:
    arrivals, file = Arrivals(), tmp_path / "clip.mp4"
    file.touch()
    assert arrivals.settled(tmp_path, 0) == []
    assert arrivals.settled(tmp_path, 9) == []  # empty: the copy has not begun
    for now in range(10, 20):
        with file.open("ab") as copy:
            copy.write(b"part")
        assert arrivals.settled(tmp_path, float(now)) == []
    assert arrivals.settled(tmp_path, 19 + SETTLED - 0.1) == []
    assert arrivals.settled(tmp_path, 19 + SETTLED) == [(file, (40, file.stat().st_mtime_ns))]
    with file.open("ab") as copy:  # the copy had only stalled
        copy.write(b"part")
    assert arrivals.settled(tmp_path, 30) == []
    assert [stamp[0] for _, stamp in arrivals.settled(tmp_path, 30 + SETTLED)] == [44]
    file.unlink()
    assert arrivals.settled(tmp_path, 40) == []


def test_what_is_remembered(tmp_path: Path) -> None:
    options, other, stamp = Options(format="gif"), Options(format="webm"), (10, 1)
    memory, clip = Memory(tmp_path), Path("in/walk.mp4")
    result = memory.name_for(clip, tmp_path, ".gif")
    memory.add(clip, stamp, options, result, 0)
    memory.add(Path("in/away.mp4"), stamp, options, tmp_path / "away.gif", 4)
    again = Memory(tmp_path)
    assert again.knows(clip, stamp, options)
    assert not again.knows(clip, (11, 2), options)
    assert not again.knows(clip, stamp, other)
    assert memory.knows(Path("in/away.mp4"), stamp, options)
    assert not again.knows(Path("in/away.mp4"), stamp, options)  # a model that was missing may be there now
    assert again.name_for(clip, tmp_path, ".gif") == result
    assert again.name_for(Path("in/walk.mov"), tmp_path, ".gif").name == "walk-2.gif"
    (tmp_path / MEMORY).write_text("{")
    with pytest.raises(UsageError, match="delete it"):
        Memory(tmp_path)


def test_one_watch_a_folder_of_results(tmp_path: Path) -> None:
    import fcntl

    out = tmp_path / "cut"
    out.mkdir()
    handle = os.open(out, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    with pytest.raises(UsageError, match="Another watch"):
        watch(tmp_path, out, Options(), json=True)
    os.close(handle)
