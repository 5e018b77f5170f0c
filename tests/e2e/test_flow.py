"""Drop, watch, take: the way of a clip through the page, at both widths and in both themes."""

import json
import re
import zipfile
from pathlib import Path
from typing import Any, cast

import pytest
from playwright.sync_api import Browser, Dialog, FilePayload, expect

from tests.e2e.browsing import DESK, PHONE, THEMES, Theme, visiting
from tests.e2e.conftest import Namer

pytestmark = pytest.mark.browser

SHIFT = """() => new Promise((done) => new PerformanceObserver((list) =>
  done(list.getEntries().reduce((sum, each) => sum + each.value, 0))).observe({type: "layout-shift", buffered: true})
  || setTimeout(() => done(0), 300))"""
NAMELESS = """() => [...document.querySelectorAll("button, a, input, [role=slider]")]
  .filter((each) => each.checkVisibility())
  .filter((each) => !(each.ariaLabel || each.textContent.trim() || each.labels?.length || each.title))
  .map((each) => each.outerHTML)"""


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("width", [PHONE, DESK])
def test_drop_watch_take(browser: Browser, root: str, named: Namer, width: int, theme: Theme) -> None:
    with visiting(browser, root, width=width, theme=theme) as visit:
        page = visit.open()
        here: dict[str, Any] = {"widths": [width], "themes": [theme]}
        expect(page.get_by_role("heading", level=1)).to_have_text("Remove the background from any video.")
        expect(page.locator(".vx-tile")).to_have_count(3)
        page.wait_for_function("[...document.querySelectorAll('.vx-tile img')].every((each) => each.complete)")
        assert page.evaluate(SHIFT) < 0.1
        visit.seen("start", "#vx-title", "#vx-drop .vx-button", ".vx-tile:nth-child(3)", **here)
        visit.drop(named("calm ball.mp4"))
        visit.seen("setup", "#vx-stage", "#vx-pick", "#vx-try", "#vx-quality", **here)
        visit.go()
        page.wait_for_selector("#vx-live[src^='data:image/webp']:not(.vx-waiting)")
        expect(page.locator("#vx-count")).to_have_text(re.compile(r"Frame \d+ of 140"))
        expect(page.locator("#vx-live")).to_be_in_viewport(ratio=0.9)
        page.wait_for_selector("#vx-left b")  # it is told once it is known
        visit.seen("run", "#vx-live", "#vx-count", "#vx-rate", "#vx-left", "#vx-cancel", **here)
        visit.finish()
        page.wait_for_function("document.querySelector('#vx-live').naturalWidth > 0")
        visit.seen("done", "#vx-live", "#vx-swatches", "#vx-compare-open", "#vx-download", "#vx-share", **here)
        with page.expect_download() as download:
            page.click("#vx-download")
        assert download.value.suggested_filename == "calm ball-cutout.webp"
        assert Path(download.value.path()).read_bytes()[:4] == b"RIFF"


def test_an_upload_says_how_far_it_is(browser: Browser, root: str, tmp_path: Path) -> None:
    large = tmp_path / "large.mp4"
    large.write_bytes(b"no clip " * 50_000)
    with visiting(browser, root, width=390) as visit:
        page = visit.open()
        line = page.context.new_cdp_session(page)
        slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 60_000}
        line.send("Network.emulateNetworkConditions", slow)
        page.evaluate(
            "() => { window.said = []; const text = document.querySelector('.vx-upload-text');"
            " new MutationObserver(() => said.push([text.textContent, document.querySelector('#vx-upload .vx-bar')"
            ".getAttribute('aria-valuenow')])).observe(text, {childList: true, subtree: true, characterData: true}) }"
        )
        page.set_input_files("#vx-file", large)
        page.wait_for_function("said.length > 1")
        visit.seen("upload", ".vx-upload-text")
        line.send("Network.emulateNetworkConditions", slow | {"uploadThroughput": 300_000})
        expect(page.locator("#vx-start-error")).to_contain_text("We can't open this file type", timeout=20_000)
        expect(page.locator("#vx-upload")).to_be_hidden()
        told = page.evaluate("said")
        percents = [int(now) for _, now in told]
        assert [text for text, _ in told] == [f"Uploading {percent} %" for percent in percents]
        assert percents == sorted(percents)
        assert len({percent for percent in percents if 0 < percent < 100}) >= 2


def test_what_the_server_says_is_said_in_spanish(browser: Browser, root: str, named: Namer) -> None:
    with visiting(browser, root, width=390, locale="es-ES") as visit:
        page = visit.open()
        visit.seen("spanish_start", "#vx-title", "#vx-drop .vx-button")
        visit.drop(named("refuse.mp4"))
        page.click("#vx-advanced button")
        visit.seen("spanish_setup", "#vx-stage", "#vx-pick", "#vx-try")
        page.click("#vx-go")
        expect(page.locator("#vx-card-error")).to_have_text(
            "El vídeo dura 130 s; el límite es 120 s. Elige un tramo más corto (inicio y fin)."
        )
        visit.seen("spanish_refused", "#vx-card-error", "#vx-again")
        page.click("#vx-new")
        visit.drop(named("ball.mp4"))
        visit.go()
        visit.finish()
        expect(page.locator("#vx-notes")).to_have_text("El vídeo es HDR (HLG) y se convirtió a rango estándar.")
        reason = page.locator("#vx-stickers button", has_text="Sticker de Telegram").get_attribute("title")
        assert reason == "debe ser webm; 320x180 píxeles, debe llenar un lado de 512x512"
        visit.seen("spanish_done", "#vx-download", "#vx-share")


def test_an_example_runs_at_once(browser: Browser, root: str) -> None:
    with visiting(browser, root) as visit:
        visit.open().click(".vx-tile >> nth=2")
        visit.finish()
        expect(visit.page.locator("#vx-card-title")).to_have_text("Ready")


def test_cancel_works_at_once_and_offers_what_is_done(browser: Browser, root: str, named: Namer) -> None:
    with visiting(browser, root) as visit:
        page = visit.open()
        visit.drop(named("slow ball.mp4"))
        visit.go()
        page.wait_for_selector("#vx-count b")  # there is a frame to offer
        page.click("#vx-cancel")
        expect(page.locator("#vx-card-title")).to_have_text("Cancelled", timeout=2000)
        expect(page.locator("#vx-download")).to_contain_text("Download the finished part")
        visit.seen("cancelled", "#vx-card-title", "#vx-download", "#vx-again")


def test_a_reload_a_phone_and_a_second_tab_find_the_job(browser: Browser, root: str, named: Namer) -> None:
    with visiting(browser, root) as visit:
        page = visit.open()
        visit.drop(named("slow ball.mp4"))
        visit.go()
        page.wait_for_selector("#vx-count b")
        page.wait_for_url(re.compile(r"job=[0-9a-f]{32}"))
        job = re.search(r"job=(\w+)", page.url)
        page.reload()
        page.wait_for_selector("#vx-count b")
        expect(page.locator("#vx-cancel")).to_be_visible()
        with visiting(browser, root, width=390, locale="es-ES") as phone:
            phone.open(f"j/{job and job[1]}")
            phone.page.wait_for_selector("#vx-count b")
            expect(phone.page.locator("#vx-count")).to_contain_text("Fotograma")
            expect(phone.page.locator("#vx-cancel")).to_be_hidden()  # only who began it may end it
        second = page.context.new_page()
        second.goto(root)
        second.wait_for_selector("#vx-count b")
        page.close()  # the job goes on without a tab
        second.click("#vx-cancel")
        second.wait_for_selector("#vx-download:visible")
        second.click("#vx-new")
        expect(second.locator("#vx-recent li").first).to_contain_text("cancelled")


def test_what_is_refused_or_fails_is_said_in_a_sentence(browser: Browser, root: str, named: Namer) -> None:
    with visiting(browser, root) as visit:
        page = visit.open()
        visit.drop(named("refuse.mp4"))
        page.click("#vx-go")
        expect(page.locator("#vx-card-error")).to_have_text(re.compile("the limit is 120 s"))
        visit.seen("refused", "#vx-card-error", "#vx-again", "#vx-new")
        page.click("#vx-again")
        expect(page.locator("#vx-go")).to_be_visible()
        page.click(".vx-home")
        visit.drop(named("fail.mp4"))
        page.click("#vx-go")
        expect(page.locator("#vx-card-error")).to_have_text(re.compile("changes its size midway"))
        visit.seen("failed", "#vx-stage", "#vx-card-error", "#vx-again")
        page.click(".vx-home")
        page.set_input_files(
            "#vx-file", cast(FilePayload, {"name": "not a clip.mp4", "mimeType": "video/mp4", "buffer": b"hello"})
        )
        expect(page.locator("#vx-start-error")).not_to_be_empty()
        visit.seen("no_clip", "#vx-start-error", "#vx-drop .vx-button")


def test_a_link_that_is_over_says_so(browser: Browser, root: str) -> None:
    with visiting(browser, root) as visit:
        visit.open("?job=" + "0" * 32)
        expect(visit.page.locator("#vx-card-title")).to_have_text("This link has expired")
        visit.seen("expired", "#vx-card-title", "#vx-card-text", "#vx-new")


@pytest.mark.parametrize(
    "name",
    [
        "<img src=x onerror=alert(1)>.mp4",
        "${alert(1)}`${alert(2)}.mp4",
        "{{constructor.constructor('alert(1)')()}}.mp4",
    ],
)
def test_a_hostile_name_is_only_text(browser: Browser, root: str, named: Namer, name: str) -> None:
    with visiting(browser, root) as visit:
        page = visit.open()

        def refused(dialog: Dialog) -> None:
            visit.faults.append(f"dialog: {dialog.message}")
            dialog.dismiss()

        page.on("dialog", refused)
        visit.drop(named(name))
        expect(page.locator("#vx-clip-name")).to_have_text(f" · {name}")
        visit.go()
        visit.finish()
        page.click("#vx-api")
        page.click("#vx-dialog-close")
        page.click("#vx-new")
        expect(page.locator("#vx-recent li").first).to_contain_text(name)


def test_several_clips_become_several_jobs_and_one_archive(browser: Browser, root: str, named: Namer) -> None:
    with visiting(browser, root) as visit:
        page = visit.open()
        visit.drop(named("one.mp4"), named("fail two.mp4"), named("three.mp4"))
        visit.seen("batch_setup", "#vx-stage", "#vx-quality")
        page.click("#vx-go")
        expect(page.locator("#vx-batch li")).to_have_count(3)
        visit.finish()
        visit.seen("batch", "#vx-card-title", "#vx-batch li:nth-child(3)", "#vx-download", "#vx-new")
        with page.expect_download() as download:
            page.click("#vx-download")
        with zipfile.ZipFile(download.value.path()) as archive:
            assert sorted(archive.namelist()) == ["one-cutout.webp", "three-cutout.webp"]
            assert archive.testzip() is None
        page.locator("#vx-batch button").first.click()
        visit.finish()


def test_another_format_costs_no_upload_and_delete_means_gone(browser: Browser, root: str, clip: Path) -> None:
    with visiting(browser, root) as visit:
        page = visit.open()
        visit.drop(clip)
        visit.go()
        visit.finish()
        first = page.url
        page.click("#vx-also button:has-text('GIF')")
        page.wait_for_function("(first) => location.href !== first", arg=first)
        visit.finish()
        expect(page.locator("#vx-download")).to_contain_text("GIF")
        visit.seen("also_as", "#vx-download", "#vx-share")
        page.click("#vx-also button:has-text('ProRes')")
        expect(page.locator("#vx-over")).to_contain_text("This browser can't play ProRes")
        visit.seen("not_shown", "#vx-over", "#vx-swatches", "#vx-download")
        page.once("dialog", lambda dialog: dialog.accept())
        page.click("#vx-delete")
        expect(page.locator("#vx-recent li")).to_have_count(1)  # a row a clip, with its formats
        expect(page.locator("#vx-recent .vx-formats button")).to_have_text(["GIF", "WebP"])
        page.wait_for_function("document.querySelector('#vx-recent img').naturalWidth > 0")
        visit.seen("history", "#vx-drop .vx-button", "#vx-recent .vx-formats")
        page.click("#vx-recent .vx-formats button >> nth=1")
        visit.finish()
        assert page.url == first


def test_trim_click_and_options_reach_the_job(browser: Browser, root: str, clip: Path) -> None:
    with visiting(browser, root) as visit:
        page = visit.open("?quality=best&format=webm&width=720")
        visit.drop(clip)
        handle = page.get_by_role("slider", name="Start")
        handle.focus()
        for _ in range(5):
            page.keyboard.press("ArrowRight")
        expect(handle).to_have_attribute("aria-valuenow", "0.5")
        box = page.locator("#vx-reel").bounding_box()
        assert box
        page.mouse.move(box["x"] + box["width"] - 2, box["y"] + 20)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + 20)
        page.mouse.up()
        page.click("#vx-pick")
        page.locator("#vx-marks").click(position={"x": 200, "y": 100})
        expect(page.locator("#vx-mend-note")).to_have_text("1 mark in this frame", timeout=60_000)
        page.locator("#vx-background label", has_text="Colour").click()
        expect(page.locator("#vx-colour")).to_be_visible()
        page.click("#vx-advanced button")
        visit.seen("trim", "#vx-stage", "#vx-pick", "#vx-undo")
        visit.go()
        visit.finish()
        page.click("#vx-api")
        call = page.locator("#vx-dialog code").inner_text()
        for part in (
            'quality="best"',
            'format="webm"',
            "width=720",
            "start=0.5",
            "end=1.5",
            "point=",
            'background="#ffffff"',
        ):
            assert part in call
        compile(call, "snippet", "exec")
        page.get_by_role("tab", name="curl").click()
        assert '"quality":"best"' in page.locator("#vx-dialog code").inner_text()
        visit.seen("api", "#vx-dialog-copy", "#vx-dialog-close")


def test_before_and_after_and_the_doubtful_frames(browser: Browser, root: str, clip: Path) -> None:
    with visiting(browser, root) as visit:
        page = visit.open()
        visit.drop(clip)
        visit.go()
        visit.finish()
        page.get_by_role("button", name="Check the frame at 0:00.3").click()
        page.wait_for_function("document.querySelector('.vx-before').naturalWidth > 0")
        page.get_by_role("slider", name="Divider between before and after").fill("30")
        visit.seen("compare", ".vx-before", "#vx-compare-open", "#vx-scrub")
        page.click("#vx-compare-open")
        for name in ("Black", "White"):
            page.get_by_role("radio", name=name).click()
            visit.seen(f"backdrop_{name.lower()}", "#vx-live", "#vx-swatches")
        expect(page.locator("#vx-stage")).to_have_css("background-color", "rgb(255, 255, 255)")


def test_the_keyboard_alone_will_do(browser: Browser, root: str, clip: Path) -> None:
    with visiting(browser, root) as visit:
        page = visit.open()
        for _ in range(8):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.id") == "vx-file":
                break
        expect(page.locator("#vx-file")).to_be_focused()
        with page.expect_file_chooser() as chooser:
            page.keyboard.press("Space")
        chooser.value.set_files(clip)
        page.wait_for_selector("#vx-trim:visible")
        page.locator("#vx-quality input:checked").focus()
        page.keyboard.press("ArrowRight")
        expect(page.locator("#vx-quality input:checked")).to_have_value(re.compile("best"))
        page.locator("#vx-go").focus()
        page.keyboard.press("Enter")
        visit.finish()
        assert page.evaluate(NAMELESS) == []


def test_spanish_and_back(browser: Browser, root: str) -> None:
    with visiting(browser, root, locale="es-MX") as visit:
        page = visit.open()
        expect(page.get_by_role("heading", level=1)).to_have_text("Quita el fondo de cualquier vídeo.")
        expect(page.locator("#vx-go")).to_have_text("Quitar el fondo")
        assert page.evaluate("document.documentElement.lang") == "es"
        page.click("#vx-nav-api")
        expect(page.locator("#vx-dialog code")).to_contain_text('format="webm"')
        page.click("#vx-dialog-close")
        page.click("#vx-nav-embed")
        expect(page.locator("#vx-dialog code")).to_contain_text("<iframe")
        visit.seen("embed_code", "#vx-dialog-copy", "#vx-dialog-close")
        page.click("#vx-dialog-close")
        page.click("#vx-language")
        expect(page.get_by_role("heading", level=1)).to_have_text("Remove the background from any video.")
        expect(page.locator("#vx-quality")).to_contain_text("Balanced")


def test_less_motion_waits_for_play(browser: Browser, root: str, clip: Path) -> None:
    with visiting(browser, root, reduced_motion="reduce") as visit:
        page = visit.open()
        visit.drop(clip)
        visit.go()
        visit.finish()
        assert (page.locator("#vx-live").get_attribute("src") or "").startswith("data:")
        page.click("#vx-play")
        assert (page.locator("#vx-live").get_attribute("src") or "").startswith("r/")


def test_preview_frames_cost_little(browser: Browser, root: str, named: Namer) -> None:
    with visiting(browser, root) as visit:
        page = visit.open()
        page.evaluate(
            "() => { window.frames_seen = []; new MutationObserver(() => frames_seen.push([performance.now(),"
            " document.querySelector('#vx-live').src.length])).observe(document.querySelector('#vx-live'),"
            " {attributes: true, attributeFilter: ['src']}) }"
        )
        visit.drop(named("slow ball.mp4"))
        visit.go()
        page.wait_for_function("frames_seen.length > 12")
        seen = page.evaluate("frames_seen")
        assert max(size for _, size in seen[2:]) <= 4 / 3 * 30_000 + 100
        assert (len(seen) - 3) / ((seen[-1][0] - seen[2][0]) / 1000) <= 5.5
        page.click("#vx-cancel")
        visit.finish()
        json.dumps(seen)
