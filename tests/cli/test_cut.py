"""Several clips and folders on the command line: names, exit codes, events, and no clip that stops the others."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.clips import draw
from vimix.__main__ import main
from vimix.cli.cut import INTERRUPTED, found, named
from vimix.cli.show import Place
from vimix.errors import UsageError
from vimix.pipeline.card import inspect


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A disc before a green screen: keyed, so no network is needed."""
    return draw(tmp_path_factory.mktemp("cli") / "clip.mp4", frames=3, fps=10, screen=True).path


@pytest.fixture
def folder(clip: Path, tmp_path: Path) -> Path:
    """`walk` twice, a note that is no clip, and a file that only looks like one."""
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("walk.mp4", "walk.mov"):
        shutil.copy(clip, folder / name)
    (folder / "broken.mp4").write_bytes(b"nothing of a video")
    (folder / "notes.txt").write_text("buy milk")
    (folder / ".hidden.mp4").write_bytes(b"")
    return folder


def test_a_folder_is_cut_out_whatever_is_wrong_with_one_of_its_files(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "deep" / "cut"
    assert main([str(folder), "--out", str(out), "--format", "gif"]) == 3
    assert sorted(path.name for path in out.iterdir()) == ["walk-2.gif", "walk.gif"]
    assert {inspect(path)["output"]["format"] for path in out.iterdir()} == {"gif"}
    told = capsys.readouterr().err
    assert "broken.mp4: We can't open this file type" in told
    assert told.endswith("2 of 3 done.\n")


def test_events_name_their_clip(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--json", str(folder / "broken.mp4"), str(folder / "walk.mp4"), "--out", str(tmp_path / "cut")]) == 3
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    broken, walk = str(folder / "broken.mp4"), str(folder / "walk.mp4")
    assert [line["clip"] for line in lines[:-1]] == [broken] + [walk] * (len(lines) - 2)
    assert (lines[0]["event"], lines[0]["code"]) == ("error", 3)
    assert [line["done"] for line in lines if line["event"] == "progress"] == [1, 2, 3]
    assert (lines[-2]["event"], lines[-2]["card"]["output"]["frames"]) == ("done", 3)
    assert lines[-1] == {"event": "end", "done": 1, "of": 2, "code": 3}


def test_no_input_is_replaced_by_a_result(clip: Path, tmp_path: Path) -> None:
    first = tmp_path / "walk.webp"
    assert main([str(clip), str(first)]) == 0
    before = first.read_bytes()
    shutil.copy(clip, tmp_path / "WALK.mp4")
    assert main([str(tmp_path / "WALK.mp4"), str(first), "--out", str(tmp_path)]) == 0
    assert first.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["WALK-2.webp", "WALK.mp4", "walk-3.webp", "walk.webp"]


def test_a_preset_names_the_format(clip: Path, tmp_path: Path) -> None:
    assert main([str(clip), "--out", str(tmp_path), "--fit", "slack-emoji"]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["clip.gif"]


def test_each_file_is_taken_once(folder: Path) -> None:
    walk = folder / "walk.mp4"
    clips = list(found([walk, folder, folder / ".." / "in" / "walk.mp4"]))
    assert [clip.name for clip in clips] == ["walk.mp4", "broken.mp4", "walk.mov"]
    taken: set[str] = set()
    assert [named(walk, folder, ".webm", taken).name for _ in range(3)] == ["walk.webm", "walk-2.webm", "walk-3.webm"]
    with pytest.raises(UsageError, match="no video or picture"):
        list(found([folder.parent]))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["{clip}", "{clip}", "{clip}"], "--out FOLDER"),
        (["{clip}", "--out", "{clip}"], "no folder"),
        (["--watch", "in"], "--out"),
        (["{clip}", "--watch", "in", "--out", "cut"], "no other files"),
        (["--watch", "nowhere", "--out", "cut"], "nowhere"),
        (["--watch", ".", "--out", "."], "another folder"),
        (["{clip}", "--out", "cut", "--format", "gif", "--fit", "telegram-sticker"], "--format webm"),
        (["{clip}", "--out", "cut", "--format", "avi"], "format"),
    ],
)
def test_a_command_that_makes_no_sense_is_one_sentence(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    arguments: list[str], said: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert main([argument.replace("{clip}", str(clip)) for argument in arguments]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert len(told.splitlines()) == 1


def test_one_bar_for_all() -> None:
    place = Place(Path("in/b.mp4"), 1, 4)
    assert place.line("Frame 5 of 10", 0.5) == "[#######.............] 2 of 4, b.mp4: Frame 5 of 10"
    assert Place(Path("b.mp4")).line("Frame 5 of 10", 0.5) == "b.mp4: Frame 5 of 10"


def test_the_bar_is_shown_on_a_terminal(clip: Path, tmp_path: Path) -> None:
    main_side, far_side = os.openpty()
    command = [sys.executable, "-m", "vimix", str(clip), str(clip.parent), "--out", str(tmp_path / "cut")]
    with subprocess.Popen(command, stderr=far_side) as process:
        os.close(far_side)
        shown = b""
        try:
            while part := os.read(main_side, 4096):
                shown += part
        except OSError:  # the other side is closed
            pass
    os.close(main_side)
    assert process.returncode == 0
    assert b"] 1 of 1, clip.mp4: " in shown
    assert shown.endswith(b"1 of 1 done.\r\n")


def test_an_interrupt_keeps_what_is_finished(clip: Path, tmp_path: Path) -> None:
    long = draw(tmp_path / "long.mp4", frames=200, fps=30, screen=True).path
    out = tmp_path / "cut"
    command = [sys.executable, "-m", "vimix", str(clip), str(long), "--out", str(out), "--format", "webm", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout
    for line in process.stdout:
        if str(long) in line and '"progress"' in line:
            break
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=30)
    assert process.returncode == INTERRUPTED
    assert "finished results stay" in told
    assert [path.name for path in out.iterdir()] == ["clip.webm"]
