"""The five diffs of CONTRIBUTING.md apply to this tree, and what they add works."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.web.drawn import draw

ROOT = Path(__file__).parent.parent
WHAT = ("model", "engine", "format", "platform", "option")
CODE = """
import json, sys, vimix
from vimix.matting.networks.catalogue import MODELS
from vimix.pipeline.presets import PRESETS
card = vimix.remove_background(sys.argv[1], sys.argv[2], model="paper", format="vp8", mirror=True)
print(json.dumps([vimix.__file__, MODELS["dogs"].file, PRESETS["mastodon-emoji"].label, card]))
"""


def diffs() -> list[str]:
    return re.findall(r"```diff\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(), re.DOTALL)


@pytest.mark.skipif(not shutil.which("git"), reason="needs git")
def test_the_five_diffs_apply_and_work(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "vimix", tmp_path / "vimix", ignore=shutil.ignore_patterns("__pycache__"))
    assert len(diffs()) == len(WHAT)
    for what, diff in zip(WHAT, diffs(), strict=True):
        applied = subprocess.run(
            ["git", "apply", "-"], input=diff, cwd=tmp_path, capture_output=True,
            text=True, env=os.environ | {"GIT_CEILING_DIRECTORIES": str(tmp_path.parent)},
        )  # fmt: skip
        assert not applied.returncode, f"CONTRIBUTING.md: the diff of {what} no longer applies: {applied.stderr}"
    clip = draw(tmp_path / "clip.mp4", seconds=0.5, wall=(250, 250, 250))
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(clip), str(tmp_path / "out.webm")], cwd=tmp_path, capture_output=True,
        text=True, env=os.environ | {"PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    assert not done.returncode, done.stderr
    code, weights, platform, card = json.loads(done.stdout.splitlines()[-1])
    assert Path(code).is_relative_to(tmp_path)
    assert (weights, platform) == ("dogs.onnx", "Mastodon emoji")
    assert (card["output"]["codec"], card["output"]["alpha"], card["output"]["frames"]) == ("vp8", True, 6)
    assert card["engine"]["why"].startswith("keyed by luma")
