"""What Chromium makes of the rules that the page gives it: who may frame it, and what it may reach."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.loopback import answering
from tests.web.served import serving

pytestmark = pytest.mark.browser


class _Elsewhere(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>elsewhere</title>")

    def log_message(self, *said: object) -> None:
        pass


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[str]:
    with answering(_Elsewhere) as port:
        yield f"http://localhost:{port}/"


def framed(browser: Browser, elsewhere: str, root: str) -> bool:
    """Whether a page of another origin can show ours in a frame."""
    tab = browser.new_page()
    tab.goto(elsewhere)
    tab.evaluate("url => document.body.append(Object.assign(document.createElement('iframe'), {src: url}))", root)
    for _ in range(200):
        frame = tab.frames[-1]
        refused = frame.url.startswith("chrome-error:")
        if refused or (frame.url.startswith(root) and frame.title()):
            tab.close()
            return not refused
        tab.wait_for_timeout(100)
    raise AssertionError(f"the frame shows {tab.frames[-1].url}")


def test_anybody_may_frame_it_unless_the_settings_say_otherwise(
    browser: Browser, root: str, elsewhere: str, tmp_path: Path
) -> None:
    assert framed(browser, elsewhere, root)
    with serving(tmp_path, VIMIX_FRAME_ANCESTORS="'self'") as closed:
        assert not framed(browser, elsewhere, closed)


def test_the_page_reaches_nobody_else(browser: Browser, root: str, elsewhere: str) -> None:
    tab = browser.new_page()
    tab.add_init_script(
        "window.refused = []; addEventListener('securitypolicyviolation', e => refused.push(e.effectiveDirective))"
    )
    tab.goto(root)
    tab.wait_for_selector("body[data-vx]", state="attached", timeout=20_000)
    assert tab.evaluate("refused") == []
    reached = tab.evaluate("url => fetch(url).then(() => true, () => false)", elsewhere)
    assert not reached
    tab.evaluate("url => document.body.append(Object.assign(new Image(), {src: url}))", elsewhere + "spy.png")
    tab.evaluate(
        "url => document.body.append(Object.assign(document.createElement('script'), {src: url}))",
        elsewhere + "evil.js",
    )
    tab.wait_for_function("refused.length >= 3", timeout=10_000)
    assert set(tab.evaluate("refused")) == {"connect-src", "img-src", "script-src-elem"}
    tab.close()
