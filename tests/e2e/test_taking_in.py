"""How a clip comes in: trimmed to the limit, beside what is looked at, by address, and what is said if it fails."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.browsing import visiting
from tests.e2e.conftest import Namer
from tests.web.drawn import draw
from tests.web.served import serving
from tools import draw_examples, draw_results

pytestmark = pytest.mark.browser
DROPPED = """(kind) => {
  const data = new DataTransfer();
  data.items.add(new File(["x"], "dropped.mp4", { type: "video/mp4" }));
  document.body.dispatchEvent(new DragEvent(kind, { bubbles: true, cancelable: true, dataTransfer: data }));
}"""
SLOW = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 20_000}
NOTIFIED = """window.told = []; window.asked = 0;
window.Notification = class { constructor(title) { told.push(title); } close() {} };
Notification.permission = "default";
Notification.requestPermission = async () => { asked += 1; return (Notification.permission = "granted"); };"""


def throttled(page: Page) -> None:
    page.context.new_cdp_session(page).send("Network.emulateNetworkConditions", SLOW)


def test_a_clip_over_the_limit_is_trimmed(browser: Browser, root: str, tmp_path: Path) -> None:
    long = draw(tmp_path / "long.mp4", seconds=130, size=(64, 36))
    with visiting(browser, root, width=390) as visit:
        page = visit.open()
        page.set_input_files("#vx-file", long)
        page.wait_for_selector("#vx-trim:visible", timeout=60_000)
        expect(page.locator("#vx-trim-limit")).to_have_text(
            "This clip is 2:10.0 long, and the limit is 2 minutes. Drag the handles to choose the part you want."
        )
        expect(page.locator("#vx-trim")).to_contain_text("0:00.0 – 2:00.0")
        visit.seen("too_long", "#vx-stage", "#vx-trim-limit", "#vx-go")
        handle = page.get_by_role("slider", name="End")
        handle.focus()
        page.keyboard.press("End")
        expect(page.locator("#vx-trim")).to_contain_text("0:10.0 – 2:10.0")  # the start follows
        visit.go()
        visit.finish()


def test_an_upload_never_takes_over_and_can_be_cancelled(
    browser: Browser, root: str, named: Namer, tmp_path: Path
) -> None:
    large = tmp_path / "large.mp4"
    large.write_bytes(b"no clip " * 40_000)
    with visiting(browser, root) as visit:
        page = visit.open()
        visit.drop(named("ball.mp4"))
        visit.go()
        visit.finish()
        throttled(page)
        page.set_input_files("#vx-file", large)
        expect(page.locator(".vx-upload-text")).to_have_text(re.compile(r"Uploading \d+ %"))
        expect(page.locator("#vx-download")).to_be_visible()  # what was looked at is still there
        visit.seen("upload_beside", "#vx-download", "#vx-upload-cancel")
        page.click("#vx-upload-cancel")
        expect(page.locator("#vx-upload")).to_be_hidden()
        page.set_input_files("#vx-file", named("next.mp4"))
        expect(page.locator(".vx-upload-text")).to_have_text("next.mp4 is ready.", timeout=15_000)
        expect(page.locator("#vx-download")).to_be_visible()
        page.click("#vx-upload-open")
        expect(page.locator("#vx-clip-name")).to_have_text(" · next.mp4")


def test_a_file_is_dropped_anywhere_and_an_address_is_pasted(browser: Browser, root: str) -> None:
    with visiting(browser, root) as visit:
        page = visit.open()
        page.evaluate(DROPPED, "dragover")
        expect(page.locator("#vx-anywhere")).to_be_visible()
        visit.seen("drop_anywhere", "#vx-anywhere")
        page.evaluate(DROPPED, "drop")
        expect(page.locator("#vx-anywhere")).to_be_hidden()
        expect(page.locator("#vx-start-error")).to_contain_text("We can't open this file type")
        page.fill("#vx-link-in", "http://127.0.0.1:1/clip.mp4")
        page.keyboard.press("Enter")
        expect(page.locator("#vx-start-error")).to_have_text("That address is not public.")
        page.evaluate(
            "() => { const data = new DataTransfer(); data.setData('text', 'ftp://example.org/clip.mp4');"
            " document.body.dispatchEvent(new ClipboardEvent('paste', {clipboardData: data, bubbles: true})) }"
        )
        expect(page.locator("#vx-start-error")).to_have_text("That address is not public.")  # only web addresses count


def test_what_is_missing_or_lost_is_said_at_the_button(browser: Browser, root: str, named: Namer) -> None:
    with visiting(browser, root) as visit:
        visit.expected = ["ERR_INTERNET_DISCONNECTED", "Failed to fetch", "Could not", "HTTP 503", "console: "]
        page = visit.open()
        visit.drop(named("slow ball.mp4"))
        page.locator("#vx-background label", has_text="Picture").click()
        page.click("#vx-go")
        expect(page.locator("#vx-go-error")).to_have_text("Choose a background picture or video first.")
        visit.seen("picture_missing", "#vx-stage", "#vx-go-error", widths=[1440])
        page.locator("#vx-background label", has_text="None").click()
        page.context.set_offline(True)
        page.click("#vx-go")
        expect(page.locator("#vx-go-error")).to_have_text(re.compile("You are offline"))
        expect(page.locator("#vx-told")).to_have_text(re.compile("You are offline"))
        page.click("#vx-try")
        expect(page.locator("#vx-setup-note")).to_have_text(re.compile("You are offline"))
        page.context.set_offline(False)
        expect(page.locator("#vx-told")).to_be_hidden()
        page.route("**/queue/join*", lambda route: route.fulfill(status=503))
        page.click("#vx-go")
        expect(page.locator("#vx-card-error")).to_have_text(re.compile("The server is not responding"))
        page.unroute("**/queue/join*")
        page.click("#vx-again")
        visit.go()
        page.wait_for_selector("#vx-count b")
        assert page.evaluate("document.querySelector('#vx-options').inert")  # options are still while it runs
        page.click("#vx-cancel")
        visit.finish()
        page.click("#vx-again")
        assert not page.evaluate("document.querySelector('#vx-options').inert")


def test_the_tab_tells_how_far_it_is_and_a_notification_that_it_ended(
    browser: Browser, root: str, named: Namer
) -> None:
    with visiting(browser, root) as visit:
        page = visit.page
        page.add_init_script(NOTIFIED)
        visit.open()
        visit.drop(named("calm ball.mp4"))
        visit.go()
        page.wait_for_function("/^[1-9]\\d* % · calm ball\\.mp4/.test(document.title)")
        page.evaluate("vimix.tabTitle({state: 'running', job: 'x', done: 1, total: 9, left: 60})")  # a long one
        page.click("#vx-notify")
        assert page.evaluate("asked") == 1
        expect(page.locator("#vx-notify")).to_be_hidden()
        page.evaluate("Object.defineProperty(document, 'hidden', {get: () => true, configurable: true})")
        visit.finish()
        assert page.evaluate("told") == ["calm ball.mp4 is ready"]
        assert page.title().startswith("ready · calm ball.mp4")
        page.click("#vx-new")
        assert page.title() == "Vimix"


def test_the_first_screen_moves_and_can_be_stopped(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(draw_results, "HERO_OF", "cup")
    monkeypatch.setattr(draw_examples, "clips", lambda every=draw_examples.clips: every()[2:])
    draw_examples.main(tmp_path / "examples")
    draw_results.main(tmp_path / "examples")
    playing = "[...document.querySelectorAll('#vx-hero video, .vx-tile video')].map((each) => !each.paused)"
    with serving(tmp_path) as own, visiting(browser, own, width=390) as visit:
        page = visit.open()
        page.wait_for_function(f"{playing}.every(Boolean)")
        visit.seen("hero", "#vx-hero", "#vx-drop .vx-button")
        page.click("#vx-motion")
        assert page.evaluate(playing) == [False, False]
        expect(page.get_by_role("button", name="Play the animation")).to_be_visible()
    with serving(tmp_path) as own, visiting(browser, own, reduced_motion="reduce") as visit:
        page = visit.open()
        page.wait_for_load_state("networkidle")
        assert page.evaluate(playing) == [False, False]
