"""The result on the page: played, mended and finished, and what is seen is what is saved."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageSequence
from playwright.sync_api import Browser, Page, expect

from tests.e2e.browsing import Visit, visiting
from tests.web.drawn import draw
from tests.web.served import serving

pytestmark = pytest.mark.browser

GREEN = (20, 176, 72)
BALL, SECOND, CORNER = (0.25, 0.5), (0.75, 0.5), (0.05, 0.1)
"""Places in the picture: the ball in the first frame, one that stays where it is, and the screen behind them."""
PIXEL = """([x, y]) => { const c = document.querySelector("#vx-screen");
  return [...c.getContext("2d").getImageData(Math.round(x * c.width), Math.round(y * c.height), 1, 1).data] }"""


@pytest.fixture
def visit(browser: Browser, tmp_path: Path) -> Iterator[Visit]:
    """A finished clip of two balls before a green screen, in the player and paused."""
    clip = draw(tmp_path / "balls.mp4", wall=GREEN, second=True)
    with serving(tmp_path, "real") as root, visiting(browser, root, reduced_motion="reduce") as visit:
        visit.open()
        visit.drop(clip)
        visit.go()
        opened(visit)
        yield visit


def opened(visit: Visit) -> None:
    visit.finish(within=60)
    visit.page.wait_for_selector("#vx-zoomed:visible", timeout=60_000)


def pixel(page: Page, place: tuple[float, float]) -> list[int]:
    found: list[int] = page.evaluate(PIXEL, place)
    return found


def click(page: Page, place: tuple[float, float]) -> None:
    box = page.locator("#vx-marks").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + place[0] * box["width"], box["y"] + place[1] * box["height"])


def downloaded(page: Page) -> list[np.ndarray]:
    """All frames of the result, RGBA."""
    with page.expect_download(timeout=60_000) as download:
        page.click("#vx-download")
    with Image.open(download.value.path()) as picture:
        return [np.asarray(frame.convert("RGBA")) for frame in ImageSequence.Iterator(picture)]


def alpha_at(frames: list[np.ndarray], place: tuple[float, float]) -> list[int]:
    height, width = frames[0].shape[:2]
    return [int(frame[round(place[1] * height), round(place[0] * width), 3]) for frame in frames]


def test_a_cut_is_mended_in_the_player_and_then_in_the_whole_clip(visit: Visit) -> None:
    page = visit.page
    assert [pixel(page, place)[3] for place in (BALL, SECOND, CORNER)] == [255, 255, 0]
    page.click("#vx-next")
    expect(page.locator("#vx-seek")).to_have_value("1")
    page.get_by_role("button", name="Remove", exact=True).click()
    click(page, SECOND)
    expect(page.locator("#vx-mend-note")).to_have_text("1 mark in this frame")
    assert [pixel(page, place)[3] for place in (BALL, SECOND, CORNER)] == [255, 0, 0]
    page.get_by_role("button", name="Keep", exact=True).click()
    click(page, CORNER)
    expect(page.locator("#vx-mend-note")).to_have_text("2 marks in this frame")
    assert [pixel(page, place)[3] for place in (BALL, SECOND, CORNER)] == [255, 0, 255]
    visit.seen("mend", "#vx-screen", "#vx-controls", "#vx-tools [data-tool=keep]", "#vx-apply")
    page.click("#vx-undo")
    page.wait_for_function(f"({PIXEL})({list(CORNER)})[3] === 0")
    before = page.url
    page.click("#vx-apply")
    page.wait_for_function("(before) => location.href !== before", arg=before)
    opened(visit)
    frames = downloaded(page)
    assert len(frames) > 15
    assert set(alpha_at(frames, SECOND)) == {0}
    assert alpha_at(frames[:1], BALL) == [255]


def test_it_is_all_there_without_a_mouse(visit: Visit) -> None:
    page = visit.page
    page.focus("#vx-marks")
    page.keyboard.press("End")
    expect(page.locator("#vx-seek")).to_have_value("23")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#vx-seek")).to_have_value("22")
    page.keyboard.press("Space")
    expect(page.locator("#vx-toggle")).to_have_attribute("data-state", "playing")
    page.keyboard.press("Space")
    expect(page.locator("#vx-toggle")).to_have_attribute("data-state", "paused")
    page.keyboard.press("+")
    expect(page.locator("#vx-zoom")).to_have_text("2×")
    page.keyboard.press("-")
    page.keyboard.press("Home")
    page.focus("#vx-tools [data-tool=remove]")
    page.keyboard.press("Enter")
    expect(page.locator("#vx-marks")).to_be_focused()
    for key in ("ArrowRight", *["Shift+ArrowRight"] * 2, *["ArrowRight"] * 2):
        page.keyboard.press(key)
    expect(page.locator("#vx-mend-note")).to_have_text("74 % across, 50 % down")
    page.keyboard.press("Enter")
    expect(page.locator("#vx-mend-note")).to_have_text("1 mark in this frame")
    assert pixel(page, SECOND)[3] == 0
    page.keyboard.press("z")
    page.wait_for_function(f"({PIXEL})({list(SECOND)})[3] === 255")
    page.keyboard.press("Escape")
    expect(page.locator("#vx-tools [data-tool=remove]")).to_have_attribute("aria-pressed", "false")


def test_the_background_that_is_seen_is_saved(visit: Visit, tmp_path: Path) -> None:
    page = visit.page
    page.click("#vx-compare-open")
    assert np.abs(np.subtract(pixel(page, CORNER)[:3], GREEN)).max() < 16  # before, on the left
    assert pixel(page, (0.95, 0.1))[3] == 0  # and after, on the right
    page.click("#vx-compare-open")
    page.get_by_role("button", name="Background").click()
    page.get_by_role("radio", name="Sea").click()
    shown = [pixel(page, place) for place in (CORNER, (0.95, 0.9), BALL)]
    assert all(each[3] == 255 for each in shown)
    expect(page.locator("#vx-download")).to_have_text("Save WebP with this background")
    visit.seen("behind", "#vx-screen", "#vx-behind", "#vx-download")
    frames = downloaded(page)
    height, width = frames[0].shape[:2]
    for place, colour in zip((CORNER, (0.95, 0.9), BALL), shown, strict=True):
        saved = frames[0][round(place[1] * height), round(place[0] * width)]
        assert np.abs(saved.astype(int) - colour).max() < 12
    opened(visit)  # the player knows what it sent
    assert np.abs(np.subtract(pixel(page, CORNER), shown[0])).max() < 6
    own = Image.new("RGB", (64, 36), (200, 30, 120))
    own.save(tmp_path / "own.png")
    page.get_by_role("button", name="Background").click()
    page.set_input_files("#vx-behind-file", tmp_path / "own.png")
    page.wait_for_function(f"({PIXEL})({list(CORNER)})[0] > 190")
    page.click("#vx-also button:has-text('MP4') >> nth=0")
    page.wait_for_function("document.querySelector('#vx-download').textContent.includes('MP4')", timeout=60_000)
    assert page.evaluate("vimix.facts.formats.length") > 5


def test_who_is_meant_is_said_before_the_run(browser: Browser, tmp_path: Path) -> None:
    """Two clicks in two frames: the second ball is not meant, and the result of the run is without it."""
    clip = draw(tmp_path / "balls.mp4", wall=GREEN, second=True)
    with serving(tmp_path, "real") as root, visiting(browser, root, reduced_motion="reduce") as visit:
        page = visit.open()
        visit.drop(clip)
        page.wait_for_selector("#vx-zoomed:visible")
        assert np.abs(np.subtract(pixel(page, SECOND), (40, 60, 230, 255))).max() < 24
        page.click("#vx-setup [data-tool=remove]")
        click(page, SECOND)
        expect(page.locator("#vx-mend-note")).to_have_text("1 mark in this frame", timeout=60_000)
        assert [pixel(page, place)[3] for place in (BALL, SECOND, CORNER)] == [255, 0, 0]
        page.keyboard.press(".")
        expect(page.locator("#vx-seek")).to_have_value("1")
        page.wait_for_function(f"({PIXEL})({list(SECOND)})[3] === 255")  # that frame is not marked
        visit.seen("marked", "#vx-stage", "#vx-controls", "#vx-pick", "#vx-undo", "#vx-quality")
        visit.go()
        opened(visit)
        assert set(alpha_at(downloaded(page), SECOND)) == {0}
        page.click("#vx-again")
        page.wait_for_selector("#vx-zoomed:visible")
        page.click("#vx-undo")
        visit.go()
        opened(visit)
        assert 255 in alpha_at(downloaded(page), SECOND)


def test_a_shape_is_cut_along_the_subject(visit: Visit) -> None:
    page = visit.page
    before = page.url
    page.click("#vx-shapes button:has-text('1:1')")
    page.wait_for_function("(before) => location.href !== before", arg=before)
    visit.finish(within=60)
    height, width = downloaded(page)[0].shape[:2]
    assert height == width
    expect(page.locator("#vx-shapes button", has_text="The whole picture")).to_be_visible()
