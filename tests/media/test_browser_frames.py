"""Random animations as Chromium shows them, frame by frame. `VIMIX_ANIMATIONS=500` compares so many of each."""

import base64
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.e2e.browsing import CHROMIUM, FLAGS
from tests.media import random_animations
from vimix.media.decode import open_source
from vimix.media.frame_durations import lasting

COUNT = int(os.environ.get("VIMIX_ANIMATIONS", "40"))
DECODE = """async ([address, type]) => {
  const data = await (await fetch(address)).arrayBuffer();
  const decoder = new ImageDecoder({ data, type });
  await decoder.completed; await decoder.tracks.ready;
  const { frameCount, repetitionCount } = decoder.tracks.selectedTrack;
  const frames = [];
  for (let frameIndex = 0; frameIndex < frameCount; frameIndex++) {
    const { image } = await decoder.decode({ frameIndex });
    const pixels = new Uint8Array(image.displayWidth * image.displayHeight * 4);
    await image.copyTo(pixels, { format: "RGBA" });
    let text = "";
    for (let at = 0; at < pixels.length; at += 8192) text += String.fromCharCode(...pixels.subarray(at, at + 8192));
    frames.push([image.displayWidth, image.displayHeight, image.duration, btoa(text)]);
    image.close();
  }
  return { frames, plays: Number.isFinite(repetitionCount) ? repetitionCount + 1 : 0 };
}"""


@pytest.fixture(scope="module")
def decode() -> Iterator[Callable[[bytes, str], Any]]:
    if not CHROMIUM.exists():
        pytest.skip("Chromium is not installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver, driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS) as browser:
        page = browser.new_page()
        page.route("https://animations.test/", lambda route: route.fulfill(body="<title>frames</title>"))
        page.goto("https://animations.test/")  # decoders are there in secure contexts only
        yield lambda data, kind: page.evaluate(DECODE, [f"data:{kind};base64,{base64.b64encode(data).decode()}", kind])


def apart(ours: Any, theirs: Any) -> str:
    """How two animations differ, or nothing. Colours are compared as far as they show."""
    if (ours[0], len(ours[1])) != (theirs[0], len(theirs[1])):
        return f"played {ours[0]} times, {len(ours[1])} frames; in Chromium {theirs[0]} times, {len(theirs[1])}"
    for place, ((one, lasts), (other, also)) in enumerate(zip(ours[1], theirs[1], strict=True)):
        if one.shape != other.shape or abs(lasts - also) > Fraction(1, 500):
            return f"frame {place}: {one.shape} for {float(lasts)} s; in Chromium {other.shape} for {float(also)} s"
        premultiplied = [pixels[..., :3].astype(float) * pixels[..., 3:] / 255 for pixels in (one, other)]
        off = max(np.abs(np.subtract(*premultiplied)).max(), np.abs(one[..., 3].astype(int) - other[..., 3]).max())
        if off > 3:  # Chromium rounds at each blending, premultiplied
            return f"frame {place} is {off:.0f} levels off"
    return ""


@pytest.mark.browser
@pytest.mark.parametrize(("kind", "suffix"), [("image/gif", "gif"), ("image/apng", "png")])
def test_random_animations_are_composed_as_chromium_does(
    kind: str, suffix: str, decode: Callable[[bytes, str], Any], tmp_path: Path
) -> None:
    make = random_animations.gif if suffix == "gif" else random_animations.apng
    disagreements = []
    for seed in range(COUNT):
        data = make(seed)
        told = decode(data, "image/png" if suffix == "png" else kind)
        theirs = []
        for width, height, lasts, text in told["frames"]:
            pixels = np.frombuffer(base64.b64decode(text), np.uint8).reshape(height, width, 4)
            theirs.append((pixels, lasting(Fraction(lasts or 0, 1_000_000))))  # 0 is shown for a tenth of a second
        path = tmp_path / f"{seed}.{suffix}"
        path.write_bytes(data)
        source = open_source(path)
        with closing(source.frames()) as frames:
            ours = [(np.dstack([frame.rgb, frame.alpha]), frame.duration) for frame in frames]
        if len(ours) == 1 == len(theirs):  # a still: it has no time
            ours, theirs = [(ours[0][0], Fraction(0))], [(theirs[0][0], Fraction(0))]
            told["plays"] = source.info.plays
        if said := apart((source.info.plays, ours), (told["plays"], theirs)):
            disagreements.append(f"seed {seed}: {said}")
    print(f"{suffix}: {len(disagreements)} of {COUNT} differ from Chromium")
    assert disagreements == []
