"""Every hostile input gets its answer: the right sentence and exit code, soon, in little memory, leaving nothing."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.hostile.inputs import INPUTS, Hostile
from vimix.settings import Settings

ROOT = Path(__file__).parents[2]
WEIGHTS = Settings().model_dir / "portrait-256.onnx"
MEMORY = 600
"""Megabytes that the work on one input may add."""
LIBRARY_TALK = re.compile(r"/tmp|/work|Traceback|Error|errno|libav|ffmpeg|Invalid data|\b0x[0-9a-f]{6}", re.IGNORECASE)


class Zygote:
    """See zygote.py."""

    def __init__(self, aside: Path) -> None:
        command = [sys.executable, "-m", "tests.hostile.zygote", str(aside)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        assert self._answer() == {"ready": True}

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        return dict(json.loads(self.process.stdout.readline()))

    def ask(self, do: str, path: Path) -> dict[str, Any]:
        assert self.process.stdin is not None
        print(
            json.dumps({"do": do, "path": str(path), "folder": str(path.parent)}), file=self.process.stdin, flush=True
        )
        return self._answer()


@pytest.fixture(scope="module")
def zygote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygote]:
    runner = Zygote(tmp_path_factory.mktemp("zygote"))
    yield runner
    assert runner.process.stdin is not None
    assert runner.process.stdout is not None
    runner.process.stdin.close()
    runner.process.wait(20)
    runner.process.stdout.close()


@pytest.mark.parametrize("case", INPUTS, ids=lambda case: case.name)
def test_hostile_input(case: Hostile, zygote: Zygote, tmp_path: Path) -> None:
    path = case.make(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    answer = zygote.ask("cut" if case.refused else "read", path)
    print(answer)
    assert answer["code"] == (3 if case.refused else 0), answer["stderr"]
    assert answer["seconds"] < 20
    assert answer["mb"] < MEMORY
    assert sorted(tmp_path.rglob("*")) == before, "something was left behind"
    if case.refused:
        sentence = answer["stderr"].strip()
        assert re.search(case.refused, sentence), sentence
        assert "\n" not in sentence
        assert sentence.endswith(".")
        assert not LIBRARY_TALK.search(sentence), sentence
    else:
        assert answer["stderr"] == ""
        told = json.loads(answer["stdout"])
        assert case.frames[0] <= told["frames"] <= case.frames[1], told
        assert len(told["sizes"]) == 1, "all frames have the size of the first"
        if case.warning:
            assert re.search(case.warning, " ".join(told["warnings"])), told
        assert not LIBRARY_TALK.search(" ".join(told["warnings"]))


@pytest.mark.weights
@pytest.mark.skipif(not WEIGHTS.exists(), reason="the portrait network is not fetched yet")
@pytest.mark.parametrize("case", [case for case in INPUTS if not case.refused], ids=lambda case: case.name)
def test_what_is_odd_but_readable_is_cut_out(case: Hostile, zygote: Zygote, tmp_path: Path) -> None:
    path = case.make(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    answer = zygote.ask("cut", path)
    assert answer["code"] == 0, answer["stderr"]
    assert answer["seconds"] < 20
    assert answer["mb"] < MEMORY
    left = {*tmp_path.rglob("*")} - {*before, tmp_path / ".ses"}  # a session id of ONNX Runtime
    assert left == {tmp_path / "out.webp"}
    assert not re.search("Traceback|Error", answer["stderr"])


def test_the_command_itself_says_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("#EXTM3U\nfile:///etc/passwd\n")
    command = [sys.executable, "-m", "vimix", str(tmp_path / "a.mp4"), str(tmp_path / "out.webp")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 3
    assert done.stdout == ""
    assert re.fullmatch(r"We can't open this file type: it looks like a playlist\. Try .*\.\n", done.stderr)
    assert not (tmp_path / "out.webp").exists()
