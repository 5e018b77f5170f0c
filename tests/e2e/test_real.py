"""The page on the real desk: a clip is keyed, found again after a reload and a restart of the server, and converted."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.browsing import visiting
from tests.web.served import free_port, serving
from tools.draw_examples import main as draw_examples

pytestmark = pytest.mark.browser


def test_a_green_screen_from_drop_to_sticker_through_a_restart(browser: Browser, tmp_path: Path) -> None:
    draw_examples(tmp_path / "examples")
    port = free_port()
    with serving(tmp_path, "real", port=port) as root, visiting(browser, root, width=390) as visit:
        page = visit.open()
        page.click(".vx-tile >> nth=2")
        visit.finish(within=120)
        expect(page.locator("#vx-card-title")).to_have_text("Ready")
        page.wait_for_function("document.querySelector('#vx-live').naturalWidth === 640")
        visit.screenshot("real_390_done")
        link = page.url
    with serving(tmp_path, "real", port=port) as root, visiting(browser, root) as visit:
        page = visit.page
        page.goto(link)  # the server is another one now, and the visitor too
        visit.finish(within=60)
        page.wait_for_function("document.querySelector('#vx-live').naturalWidth === 640")
        page.click("#vx-compare-open")
        page.wait_for_function("document.querySelector('.vx-after').naturalWidth > 0")
        page.wait_for_function("document.querySelector('.vx-before').naturalWidth > 0")
        visit.screenshot("real_1280_compare")
        page.click("#vx-also button:has-text('GIF')")
        page.wait_for_function("(link) => location.href !== link", arg=link)
        visit.finish(within=120)
        expect(page.locator("#vx-download")).to_contain_text("GIF")
