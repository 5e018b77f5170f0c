"""The page on the real desk: a clip is keyed, found again after a reload and a restart of the server, and converted."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.browsing import visiting
from tests.web.drawn import draw
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
        link = page.url
        page.click("#vx-stickers button:has-text('Telegram sticker')")
        page.wait_for_function("(link) => location.href !== link", arg=link)
        visit.finish(within=120)
        expect(page.locator("#vx-download")).to_contain_text("WebM")
        expect(page.locator("#vx-stickers button", has_text="Telegram sticker")).to_have_text("✓ Telegram sticker")
        assert page.evaluate("document.querySelector('#vx-video').videoWidth") == 512


def test_an_open_tab_finds_its_job_again_when_the_server_comes_back(browser: Browser, tmp_path: Path) -> None:
    clip = draw(tmp_path / "long.mp4", seconds=60, size=(640, 360), wall=(20, 176, 72))
    port = free_port()
    address = f"http://127.0.0.1:{port}/"
    with visiting(browser, address) as visit:
        visit.expected = ["ERR_", "console: ", "HTTP 50"]  # a server that is gone
        with serving(tmp_path, "real", port=port):
            page = visit.open("?format=webm&fps=source")
            visit.drop(clip)
            visit.go()
            page.wait_for_function("Number(document.querySelector('#vx-count b')?.textContent) > 5", timeout=60_000)
        with serving(tmp_path, "real", port=port):
            visit.finish(within=120)
            expect(page.locator("#vx-download")).to_contain_text("WebM")


def test_the_limit_of_the_hour_says_when_to_come_back(browser: Browser, tmp_path: Path) -> None:
    first = draw(tmp_path / "first.mp4", seconds=0.5, wall=(20, 176, 72))
    second = draw(tmp_path / "second.mp4", seconds=0.6, wall=(20, 176, 72))
    with serving(tmp_path, "real", VIMIX_JOBS_PER_HOUR="1") as root, visiting(browser, root) as visit:
        page = visit.open()
        visit.drop(first)
        page.click("#vx-try")
        expect(page.locator("#vx-setup-note")).to_have_text("1 of 1 clips left this hour.")
        expect(page.locator(".vx-look .vx-quiet")).to_have_text(re.compile(r"about [\d.]+ s, \d+ KB"))
        visit.screenshot("trial")
        visit.go()
        visit.finish(within=60)
        page.click("#vx-new")
        visit.drop(second)
        page.click("#vx-try")
        expect(page.locator("#vx-setup-note")).to_have_text("No clips left this hour.")
        page.click("#vx-go")
        expect(page.locator("#vx-card-error")).to_have_text(re.compile(r"come back in \d+ minutes"))
        visit.screenshot("limit")


def test_the_frames_shown_on_the_way_cost_little(browser: Browser, tmp_path: Path) -> None:
    """Of a real job, as they reach the browser: at most four a second, below 30 KB each."""
    clip = draw(tmp_path / "noisy.mp4", seconds=12, size=(1280, 720), wall=(20, 176, 72))
    with serving(tmp_path, "real") as root, visiting(browser, root) as visit:
        page = visit.open("?format=webm&fps=source")
        page.evaluate(
            "() => { window.seen = []; const live = document.querySelector('#vx-live'); new MutationObserver(() =>"
            " seen.push([performance.now() / 1000, live.src])).observe(live, {attributeFilter: ['src']}) }"
        )
        visit.drop(clip)
        page.evaluate("seen.length = 0")
        visit.go()
        visit.finish(within=90)
        shown = [(when, src) for when, src in page.evaluate("seen") if src.startswith("data:image/webp")][1:]
        assert len(shown) > 8
        assert max(len(src) for _, src in shown) <= 4 / 3 * 30_000 + 100
        for (before, _), (after, _) in zip(shown, shown[9:], strict=False):
            assert after - before > 9 / 4 * 0.8  # what was told late may arrive close to the next
