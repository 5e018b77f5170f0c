"""The page on real jobs: a clip is keyed, found again after a reload and a restart of the server, and converted."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.browsing import visiting
from tests.loopback import answering
from tests.web.drawn import draw
from tests.web.served import free_port, held, serving
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
        visit.seen("real_done", "#vx-live", "#vx-download", "#vx-share")
        link = page.url
    with serving(tmp_path, "real", port=port) as root, visiting(browser, root) as visit:
        page = visit.page
        page.goto(link)  # the server is another one now, and the visitor too
        visit.finish(within=60)
        page.wait_for_function("document.querySelector('#vx-live').naturalWidth === 640")
        page.click("#vx-compare-open")
        page.wait_for_function("document.querySelector('.vx-after').naturalWidth > 0")
        page.wait_for_function("document.querySelector('.vx-before').naturalWidth > 0")
        visit.seen("real_compare", ".vx-before", "#vx-scrub")
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
        expect(page.locator("#vx-how p")).to_be_hidden()
        page.click("#vx-how summary")
        expect(page.locator("#vx-how p")).to_contain_text("/newvideo")
        visit.seen("sticker_how", "#vx-how summary", "#vx-download")


def test_a_person_is_cut_out_before_their_eyes(browser: Browser, tmp_path: Path) -> None:
    """Of this screenshot's upper part the README's picture is made."""
    draw_examples(tmp_path / "examples")
    with serving(tmp_path, "real") as root, visiting(browser, root) as visit:
        page = visit.open()
        page.set_input_files("#vx-file", tmp_path / "examples" / "astronaut.mp4")
        page.wait_for_selector("#vx-trim:visible")
        visit.go()
        page.wait_for_selector("#vx-live[src^='data:image/webp']:not(.vx-waiting)", timeout=60_000)
        page.wait_for_function("Number(document.querySelector('#vx-count b')?.textContent) > 16", timeout=60_000)
        with held(tmp_path):
            visit.seen("person", "#vx-live", "#vx-count", "#vx-cancel", widths=[1280], themes=["light"])
        page.click("#vx-cancel")
        expect(page.locator("#vx-download")).to_contain_text("Download the finished part", timeout=60_000)
        visit.seen("partial", "#vx-live", "#vx-card-text", "#vx-download", "#vx-again")


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
            with held(tmp_path), visiting(browser, address) as second:
                second.open()
                second.drop(draw(tmp_path / "short.mp4", seconds=0.5))
                second.go()
                expect(second.page.locator("#vx-count")).to_have_text("Waiting: number 1 in the queue")
                second.seen("queue", "#vx-stage", "#vx-count", "#vx-cancel")
                second.page.click("#vx-cancel")
                expect(second.page.locator("#vx-card-title")).to_have_text("Cancelled")
                second.seen("queue_left", "#vx-card-title", "#vx-again", "#vx-new")
        expect(page.locator("#vx-count")).to_have_text("The server is not responding. Trying again…")
        visit.seen("away", "#vx-stage", "#vx-count")
        with serving(tmp_path, "real", port=port):
            expect(page.locator("#vx-count")).to_have_text(re.compile(r"Frame \d+ of 720"), timeout=60_000)
            expect(page.locator("#vx-clip-name")).to_have_text("· long.mp4")
            with held(tmp_path):
                visit.seen("restarted", "#vx-live", "#vx-count", "#vx-cancel")
            visit.finish(within=120)
            expect(page.locator("#vx-download")).to_contain_text("WebM")


def test_a_model_is_fetched_while_they_look_on(browser: Browser, tmp_path: Path) -> None:
    with half_a_hub() as hub:
        own: dict[str, Any] = {
            "VIMIX_MODEL_DIR": str(tmp_path / "models"),
            "VIMIX_MODEL_MIRRORS": "own/models",
            "HF_ENDPOINT": hub,
        }
        with serving(tmp_path, "real", **own) as root, visiting(browser, root) as visit:
            page = visit.open()
            visit.drop(draw(tmp_path / "clip.mp4", seconds=0.5, wall=(150, 140, 130)))
            visit.go()
            expect(page.locator("#vx-count")).to_have_text(
                "Downloading the model (first use only): 40 %", timeout=40_000
            )
            visit.seen("fetching", "#vx-stage", "#vx-count", "#vx-cancel")
            page.click("#vx-cancel")
            expect(page.locator("#vx-card-title")).to_have_text("Cancelled")


@contextmanager
def half_a_hub() -> Iterator[str]:
    """A server that begins to send whatever it is asked for, and stops at two fifths until the test is over."""
    over = threading.Event()

    class Hub(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(5 << 20))
            self.end_headers()
            for _ in range(2):
                self.wfile.write(bytes(1 << 20))
                over.wait(0.5)
            over.wait(60)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with answering(Hub) as port:
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            over.set()


def test_a_clip_with_nothing_in_it(browser: Browser, tmp_path: Path) -> None:
    clip = draw(tmp_path / "left.mp4", seconds=6, wall=(20, 176, 72))  # the ball rolls out of it
    with serving(tmp_path, "real") as root, visiting(browser, root) as visit:
        page = visit.open()
        visit.drop(clip)
        page.get_by_role("slider", name="Start").focus()
        for _ in range(5):
            page.keyboard.press("Shift+ArrowRight")
        visit.go()
        visit.finish(within=60)
        expect(page.locator("#vx-card-title")).to_have_text("Nothing was found")
        visit.seen("nothing", "#vx-stage", "#vx-card-text", "#vx-again", "#vx-download")
        page.click("#vx-new")
        visit.drop(draw(tmp_path / "room.mp4", seconds=0.5, wall=(150, 140, 130)))
        page.click("#vx-try")
        expect(page.locator(".vx-look")).to_have_count(3, timeout=30_000)
        visit.seen("trial_looks", "#vx-stage", "#vx-looks", "#vx-setup-note")


def test_the_limit_of_the_hour_says_when_to_come_back(browser: Browser, tmp_path: Path) -> None:
    first = draw(tmp_path / "first.mp4", seconds=0.5, wall=(20, 176, 72))
    second = draw(tmp_path / "second.mp4", seconds=0.6, wall=(20, 176, 72))
    with serving(tmp_path, "real", VIMIX_JOBS_PER_HOUR="1") as root, visiting(browser, root) as visit:
        page = visit.open()
        visit.drop(first)
        page.click("#vx-try")
        expect(page.locator("#vx-setup-note")).to_have_text("1 of 1 clips left this hour.")
        expect(page.locator(".vx-look .vx-quiet")).to_have_text(re.compile(r"about [\d.]+\ss, \d+\sKB"))
        visit.seen("trial", "#vx-stage", "#vx-looks", "#vx-setup-note")
        visit.go()
        visit.finish(within=60)
        page.click("#vx-new")
        visit.drop(second)
        page.click("#vx-try")
        expect(page.locator("#vx-setup-note")).to_have_text("No clips left this hour.")
        page.click("#vx-go")
        expect(page.locator("#vx-card-error")).to_have_text(re.compile(r"come back in \d+ minutes"))
        visit.seen("limit", "#vx-stage", "#vx-card-error", "#vx-again")


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
