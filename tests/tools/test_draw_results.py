"""The first screen's loops and hero, of the clip that is keyed and needs no model."""

import json
from pathlib import Path

import av
import pytest
from PIL import Image

from tools import draw_examples, draw_results


def test_the_loop_and_the_hero_of_a_clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(draw_results, "HERO_OF", "cup")
    rows = {row["name"]: (row, draw) for row, draw in draw_examples.clips()}
    row, draw = rows["cup"]
    draw_examples.encode((image for _, image in zip(range(12), draw(), strict=False)), tmp_path / row["file"])
    (tmp_path / "examples.json").write_text(json.dumps([row]))
    draw_results.main(tmp_path)
    for name, size in (("cup-result", draw_results.LOOP), ("hero", draw_results.HERO)):
        with av.open(str(tmp_path / f"{name}.mp4")) as file:
            frames = [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]
        assert frames[0].shape[1::-1] == size
        assert len(frames) == 22  # there and back
    green = draw_examples.GREEN
    assert abs(frames[0][10, 10].astype(int) - green).max() < 60  # all of it is before
    assert frames[5][10, 600].min() > 200  # the line has passed: checkerboard
    with Image.open(tmp_path / "share.jpg") as shared:
        assert shared.size == draw_results.SHARED
