"""Back and forward, reloads, lists of several clips, and options that come back."""

import re

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.browsing import DONE, visiting
from tests.e2e.conftest import Namer

pytestmark = pytest.mark.browser
FOCUSED = "document.activeElement.id"


def test_back_and_forward_go_from_screen_to_screen(browser: Browser, root: str, clip: object, named: Namer) -> None:
    with visiting(browser, root) as visit:
        page = visit.open()
        visit.drop(named("ball.mp4"))
        assert page.evaluate(FOCUSED) == "vx-screen-title"
        assert page.locator("main").count() == 1
        visit.go()
        visit.finish()
        assert page.evaluate(FOCUSED) == "vx-card-title"
        first = page.url
        page.click("#vx-also button:has-text('GIF')")
        page.wait_for_function("(first) => location.href !== first", arg=first)
        visit.finish()
        page.go_back()
        expect(page.locator("#vx-download")).to_contain_text("WebP")
        assert page.url == first
        page.go_back()
        expect(page.locator("#vx-go")).to_be_visible()
        page.go_back()
        expect(page.locator("#vx-title")).to_be_visible()
        assert page.evaluate(FOCUSED) == "vx-title"
        page.go_forward()
        expect(page.locator("#vx-trim")).to_be_visible()
        page.go_forward()
        visit.finish()
        page.go_forward()
        expect(page.locator("#vx-download")).to_contain_text("GIF")


def test_options_come_back_after_a_reload(browser: Browser, root: str, named: Namer) -> None:
    with visiting(browser, root) as visit:
        page = visit.open("?quality=best&format=webm&background=%23336699")
        visit.drop(named("again.mp4"))
        handle = page.get_by_role("slider", name="Start")
        handle.focus()
        page.keyboard.press("Shift+ArrowRight")
        visit.go()
        visit.finish()
        job = page.url.split("job=")[1]
        page.goto(f"{root}?job={job}")  # none of the options is in this address
        page.click("#vx-again")
        expect(page.locator("#vx-trim")).to_contain_text("0:01.0")
        expect(page.locator("#vx-quality input:checked")).to_have_value("best")
        expect(page.locator("#vx-background input:checked")).to_have_value("colour")
        expect(page.locator("#vx-format input")).to_have_value(re.compile("WebM"))
        expect(page.locator("#vx-clip-name")).to_have_text(" · again.mp4")
        visit.go()
        visit.finish()
        assert job not in page.url


def test_a_list_is_there_after_a_reload_and_one_of_it_is_cut_out_anew(
    browser: Browser, root: str, named: Namer
) -> None:
    with visiting(browser, root) as visit:
        page = visit.open()
        visit.drop(named("one.mp4"), named("refuse two.mp4"), named("three.mp4"))
        page.click("#vx-clip-list button >> nth=2")
        expect(page.locator("#vx-trim")).to_be_visible(timeout=60_000)
        expect(page.get_by_role("button", name="Click the subject")).to_be_visible()  # each clip has its own clicks
        page.get_by_role("slider", name="Start").focus()
        page.keyboard.press("Shift+ArrowRight")
        visit.seen("list_setup", "#vx-stage", "#vx-clip-list", "#vx-trim")
        page.click("#vx-go")
        lines = page.locator("#vx-batch li")
        expect(lines).to_have_count(3)
        expect(lines.nth(1)).to_contain_text("the limit is 120 s")
        visit.finish()
        page.wait_for_function("document.querySelector('#vx-live').naturalWidth > 0")
        assert re.search(r"r/[0-9a-f]+/frame\.webp$", page.locator("#vx-live").get_attribute("src") or "")
        visit.seen("list_done", "#vx-card-title", "#vx-batch", "#vx-download")
        page.reload()
        page.wait_for_selector(DONE)
        expect(lines).to_have_count(3)
        lines.nth(2).locator("button").click()
        visit.finish()
        page.click("#vx-api")
        expect(page.locator("#vx-dialog code")).to_contain_text("start=1")
        page.click("#vx-dialog-close")
        page.click("#vx-again")
        page.locator("#vx-quality label", has_text="Best").click()
        visit.go()
        visit.finish()
        anew = page.url.split("job=")[1]
        page.click("#vx-to-list")
        expect(lines).to_have_count(3)
        expect(page.locator("#vx-card-title")).to_have_text("2 of 3 clips ready")
        assert anew in (page.locator("#vx-download").get_attribute("href") or "")
        page.click("#vx-new")
        expect(page.locator("#vx-recent li")).to_have_count(1)
        expect(page.locator("#vx-recent li")).to_contain_text("3 clips")
        page.click("#vx-recent li button")
        expect(lines).to_have_count(3)


def test_a_list_is_cancelled(browser: Browser, root: str, named: Namer) -> None:
    with visiting(browser, root) as visit:
        page = visit.open()
        visit.drop(named("slow one.mp4"), named("slow two.mp4"))
        page.click("#vx-go")
        one = page.get_by_role("button", name="Cancel slow one.mp4")
        one.click()
        expect(page.locator("#vx-batch li").first).to_have_attribute("data-state", "cancelled")
        expect(page.locator("#vx-batch li").nth(1)).to_have_attribute("data-state", "running")
        page.click("#vx-cancel-all")
        expect(page.locator("#vx-batch li").nth(1)).to_have_attribute("data-state", "cancelled")
        expect(page.locator("#vx-cancel-all")).to_be_hidden()
