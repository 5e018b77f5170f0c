"""Every signal of colour as Chromium shows it: pictures drawn onto a canvas, which is sRGB."""

import base64
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.e2e.browsing import CHROMIUM, FLAGS
from tests.media import colour_signals
from vimix.errors import VimixError
from vimix.media.decode import open_source

SEEDS = int(os.environ.get("VIMIX_COLOURS", "1"))
"""Rounds, each with other numbers."""
DRAW = """async (pictures) => {
  const drawn = [];
  for (const [data, type] of pictures) {
    try {
      const blob = await (await fetch(`data:${type};base64,${data}`)).blob();
      const bitmap = await createImageBitmap(blob);
      const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
      const context = canvas.getContext("2d", { colorSpace: "srgb" });
      context.drawImage(bitmap, 0, 0);
      const { data: pixels, width, height } = context.getImageData(0, 0, bitmap.width, bitmap.height);
      let text = "";
      for (let at = 0; at < pixels.length; at += 8192) text += String.fromCharCode(...pixels.subarray(at, at + 8192));
      drawn.push([width, height, btoa(text)]);
    } catch (error) { drawn.push(String(error)); }
  }
  return drawn;
}"""


@pytest.fixture(scope="module")
def draw() -> Iterator[Callable[[list[tuple[str, bytes]]], Any]]:
    if not CHROMIUM.exists():
        pytest.skip("Chromium is not installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver, driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS) as browser:
        page = browser.new_page()
        page.route("https://colours.test/", lambda route: route.fulfill(body="<title>colours</title>"))
        page.goto("https://colours.test/")
        yield lambda files: page.evaluate(DRAW, [[base64.b64encode(data).decode(), kind] for kind, data in files])


def cases(seed: int) -> Iterator[tuple[str, str, bytes]]:
    rng = np.random.default_rng(seed)
    for name, chunks in colour_signals.signals(rng):
        for kind, depth in colour_signals.MODES:
            yield f"{name}, colour type {kind}, {depth} bit", "png", colour_signals.png(rng, kind, depth, chunks)
    yield from colour_signals.others(rng)


MIME = {"png": "image/png", "jpg": "image/jpeg", "webp": "image/webp", "avif": "image/avif"}


def read(path: Path) -> Any:
    """The middle of each patch (4, 4, 3), or why there is none."""
    try:
        (frame,) = open_source(path).frames()
    except VimixError as error:
        return str(error)
    return frame.rgb[4::8, 4::8].astype(int)


def apart(ours: Any, theirs: Any) -> str:
    """How two readings differ, or nothing."""
    if isinstance(theirs, str):
        return "" if isinstance(ours, str) else f"read here; in Chromium {theirs}"
    if isinstance(ours, str):
        return f"{ours}; read in Chromium"
    width, height, text = theirs
    shown = np.frombuffer(base64.b64decode(text), np.uint8).reshape(height, width, 4)[4::8, 4::8, :3]
    off = np.abs(ours - shown).max(axis=2)
    where = np.unravel_index(off.argmax(), off.shape)
    return "" if off.max() <= 3 else f"{ours[where].tolist()}; in Chromium {shown[where].tolist()}"


@pytest.mark.browser
def test_every_signal_of_colour_is_honoured_as_chromium_does(draw: Callable[..., Any], tmp_path: Path) -> None:
    disagreements, count = [], 0
    for seed in range(SEEDS):
        files = list(cases(seed))
        shown = draw([(MIME[suffix], data) for _, suffix, data in files])
        for (name, suffix, data), theirs in zip(files, shown, strict=True):
            count += 1
            path = tmp_path / f"a.{suffix}"
            path.write_bytes(data)
            if said := apart(read(path), theirs):
                disagreements.append(f"seed {seed}, {name}: {said}")
    print(f"{len(disagreements)} of {count} differ from Chromium")
    assert disagreements == []
