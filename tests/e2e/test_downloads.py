"""What is taken away from the page, and the states beside the straight way: what is copied runs or shows elsewhere."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.browsing import DONE, visiting
from tests.e2e.conftest import Namer

pytestmark = pytest.mark.browser
CLIPBOARD: dict[str, Any] = {"permissions": ["clipboard-read", "clipboard-write"]}


def taken(page: Page, button: str) -> str:
    """What the clipboard holds after a press of `button`, which says that it worked."""
    page.click(button)
    expect(page.locator(button)).to_have_text("Copied")
    text: str = page.evaluate("navigator.clipboard.readText()")
    return text


def test_what_is_copied_is_this_run(browser: Browser, root: str, clip: Path) -> None:
    with visiting(browser, root, **CLIPBOARD) as visit:
        page = visit.open("?quality=fast&width=320")
        visit.drop(clip)
        visit.go()
        visit.finish()
        job = page.url.split("job=")[1]
        assert taken(page, "#vx-link") == f"{root}j/{job}"
        page.click("#vx-embed")
        picture = taken(page, "#vx-dialog-copy")
        page.click("#vx-dialog-close")
        page.click("#vx-api")
        python = taken(page, "#vx-dialog-copy")
        compile(python, "snippet", "exec")
        assert 'quality="fast"' in python
        assert "width=320" in python
        page.get_by_role("tab", name="JavaScript").click()
        expect(page.locator("#vx-dialog-copy")).to_have_text("Copy")
        script = taken(page, "#vx-dialog-copy")
        assert '"quality": "fast"' in script
        page.get_by_role("tab", name="curl").click()
        expect(page.locator("#vx-dialog-copy")).to_have_text("Copy")
        shell = taken(page, "#vx-dialog-copy")
        page.click("#vx-dialog-close")
        page.evaluate("html => document.body.insertAdjacentHTML('beforeend', html)", picture)
        page.wait_for_function("document.querySelector('body > picture img').naturalWidth > 0")
        assert picture.startswith("<picture>")
        assert page.locator("body > picture source").get_attribute("type") == "image/webp"
    assert_python(python, clip)
    assert_shell(shell, clip)
    assert_script(script)


def assert_python(text: str, clip: Path) -> None:
    """The Python call makes a file."""
    found: dict[str, object] = {}
    exec(text.replace("clip.mp4", str(clip)), found)
    assert Path(str(found["file"])).read_bytes()[:4] == b"RIFF"
    found["client"].close()  # type: ignore[attr-defined]


def assert_shell(text: str, clip: Path) -> None:
    """The curl call makes a file."""
    text = text.replace("@clip.mp4", f"@{clip}")
    ended = subprocess.run(["bash", "-c", text], capture_output=True, text=True, timeout=60, check=True)
    assert "event: complete" in ended.stdout, ended.stdout[-500:]
    assert "ball-cutout.webp" in ended.stdout


def assert_script(text: str) -> None:
    """The JavaScript call is JavaScript."""
    if (node := shutil.which("node")) is None:
        return
    checked = subprocess.run([node, "--input-type=module", "--check"], input=text, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr


def test_a_video_is_embedded_as_a_video(browser: Browser, root: str, clip: Path) -> None:
    with visiting(browser, root, width=390, **CLIPBOARD) as visit:
        page = visit.open("?format=webm")
        visit.drop(clip)
        visit.go()
        visit.finish()
        page.click("#vx-embed")
        video = taken(page, "#vx-dialog-copy")
        job = page.url.split("job=")[1]
        assert re.match(r"<video[^>]* muted playsinline>\n", video)
        assert f'<source src="{root}r/{job}" type="video/webm">' in video


@pytest.mark.parametrize(("width", "language"), [(390, "en"), (1440, "es")])
def test_the_clips_of_today(browser: Browser, root: str, named: Namer, width: int, language: str) -> None:
    with visiting(browser, root, width=width, theme="dark", locale=language) as visit:
        page = visit.open()
        for name, end in (("ball.mp4", DONE), ("fail again.mp4", "#vx-card-error:visible")):
            visit.drop(named(name))
            page.click("#vx-go")
            page.wait_for_selector(end)
            page.click("#vx-new")
        visit.drop(named("slow " + "very " * 12 + "long name.mp4"))
        visit.go()
        page.wait_for_url(re.compile(r"job=[0-9a-f]{32}"))
        page.click(".vx-home")
        lines = page.locator("#vx-recent li")
        expect(lines).to_have_count(3)
        expect(lines.first.locator("small")).to_have_text(re.compile(r"[1-9]\d? %"))  # it goes on under their eyes
        assert [line.get_attribute("data-state") for line in lines.all()] == ["running", "failed", "done"]
        place = lines.first.locator("small").bounding_box()
        assert place
        assert place["x"] + place["width"] < width, "a long name hides the state"
        visit.seen(f"recent_{language}", "#vx-drop .vx-button", "#vx-recent li:nth-child(3)")
        lines.nth(2).locator("button").click()
        visit.finish()
        page.reload()
        page.click("#vx-new")
        lines.nth(0).locator("button").click()
        page.click("#vx-cancel")
        visit.finish()
