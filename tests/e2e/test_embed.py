"""The host page of docs/embedding.md, taken from there and served from another port."""

import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.browsing import Visit, visiting
from tests.loopback import answering

pytestmark = pytest.mark.browser
WIDTHS = (320, 340, 900)
DOCUMENT = Path(__file__).parents[2] / "docs" / "embedding.md"


@pytest.fixture(scope="module")
def host(root: str) -> Iterator[str]:
    found = re.search(r"```html\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert found
    page = found[1].replace("http://127.0.0.1:7860", root.rstrip("/")).encode()

    class Host(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = page if self.path == "/" else b""
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with answering(Host) as port:
        yield f"http://127.0.0.1:{port}/"


def test_the_host_page_of_the_docs(browser: Browser, host: str, root: str, clip: Path) -> None:
    with visiting(browser, host, width=320) as visit:
        visit.expected = [re.escape(f"asked somebody else: {root}")]
        page = visit.page
        page.goto(host)
        expect(page.locator("#state")).to_have_text("Ready", timeout=20_000)
        app = page.frame_locator("#vimix")
        inside = next(frame for frame in page.frames if frame.url.startswith(root))
        visit.seen("embed_start", "#vx-drop .vx-button", widths=WIDTHS, frame=inside)
        app.locator("#vx-file").set_input_files(clip)
        expect(app.locator("#vx-trim")).to_be_visible()
        expect(app.locator("#vx-quality input:checked")).to_have_value("fast")
        expect(app.locator("#vx-quality input:checked")).to_be_disabled()
        expect(app.locator("#vx-format input")).to_be_disabled()
        visit.seen("embed_setup", "#vx-stage", "#vx-pick", "#vx-try", widths=WIDTHS, frame=inside)
        app.locator("#vx-go").click()
        expect(page.locator("#state")).to_have_text(re.compile(r"Frame \d+ of 24"))
        expect(page.locator("#state")).to_have_text(re.compile(r"Done: \d+ bytes"), timeout=20_000)
        assert re.fullmatch(rf"{root}r/[0-9a-f]{{32}}", page.locator("#result").get_attribute("src") or "")
        visit.seen("embed_done", "#vx-video", "#vx-download", "#vx-share", widths=WIDTHS, frame=inside)


def test_the_address_for_iframes_keeps_its_query(browser: Browser, root: str) -> None:
    with visiting(browser, root, width=390) as visit:
        visit.open("embed?lang=es&theme=dark&fit=whatsapp-sticker")
        assert "view=embed" in visit.page.url
        expect(visit.page.get_by_role("heading", level=1)).to_have_text("Quita el fondo de cualquier vídeo.")
        expect(visit.page.locator("body.dark")).to_have_count(1)
        assert isinstance(visit, Visit)


def test_the_javascript_example_of_the_docs(browser: Browser, root: str, clip: Path) -> None:
    (text,) = re.findall(r"```js\n(.*?)```", (DOCUMENT.parent / "api.md").read_text(), re.DOTALL)
    with visiting(browser, root) as visit:
        page = visit.open()
        page.evaluate(text.replace("http://127.0.0.1:7860", root.rstrip("/")) + "; window.cutOut = cutOut; 0")
        bytes_ = list(clip.read_bytes())
        asked = 'async (bytes) => cutOut(new Blob([new Uint8Array(bytes)]), {quality: "fast"})'
        assert re.fullmatch(rf"{root}r/[0-9a-f]{{32}}", page.evaluate(asked, bytes_))
