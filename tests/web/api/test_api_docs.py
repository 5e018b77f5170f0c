"""docs/api.md is what the code says, and its examples run as they stand there."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools.write_api_docs import PAGE
from tools.write_api_docs import page as written


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), re.DOTALL)


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == written(), "run: python -m tools.write_api_docs"


@pytest.mark.parametrize("number", range(2))
def test_the_python_examples_run(page: str, clip: Path, tmp_path: Path, number: int) -> None:
    shutil.copyfile(clip, tmp_path / "clip.mp4")
    text = blocks("python")[number].replace("http://127.0.0.1:7860", page.rstrip("/"))
    done = subprocess.run([sys.executable, "-c", text], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "webm" in done.stdout or "/r/" in done.stdout


@pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")
def test_the_curl_example_runs(page: str, clip: Path, tmp_path: Path) -> None:
    shutil.copyfile(clip, tmp_path / "clip.mp4")
    (text,) = blocks("sh")
    text = text.replace("http://127.0.0.1:7860", page.rstrip("/"))
    done = subprocess.run(["bash", "-eu", "-c", text], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr + done.stdout
    assert (tmp_path / "cutout.webp").read_bytes()[:4] == b"RIFF"
