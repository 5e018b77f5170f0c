"""Addresses whose server drips, through the real server: they hold their own requests and nobody else's."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.loopback import answering
from tests.web.served import serving

GO_ON = threading.Event()
ASKED = threading.Semaphore(0)


class Dripping(BaseHTTPRequestHandler):
    """A file that begins and never ends, and one that is whole."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"v" * 10)
        self.wfile.flush()
        if "drip" in self.path:
            ASKED.release()
            GO_ON.wait(60)
        else:
            self.wfile.write(b"v" * 990)

    def log_message(self, *said: object) -> None:
        pass


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[str]:
    with answering(Dripping) as port:
        yield f"http://127.0.0.1:{port}/"
        GO_ON.set()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    rules: dict[str, Any] = {"VIMIX_JOBS_PER_HOUR": "3", "TEST_PUBLIC": "127.0.0.1"}
    with serving(tmp_path_factory.mktemp("dripping"), **rules) as address:
        yield address


def post(visitor: str, url: str, **how: Any) -> httpx.Response:
    """From that address of this machine."""
    with httpx.Client(transport=httpx.HTTPTransport(local_address=visitor), timeout=90) as client:
        return client.post(url, **how)


def submit(page: str, url: str, visitor: str) -> httpx.Response:
    body = {"clip": {"path": url, "meta": {"_type": "gradio.FileData"}}}
    return post(visitor, f"{page}gradio_api/call/v2/submit", json=body)


def tool(page: str, url: str, visitor: str) -> httpx.Response:
    call = {"name": "submit", "arguments": {"clip": url}}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
    accept = {"accept": "application/json, text/event-stream"}
    return post(visitor, f"{page}gradio_api/mcp/", json=body, headers=accept)


def uploaded(page: str, content: bytes, visitor: str) -> str:
    files = {"files": ("clip.mp4", content)}
    (path,) = post(visitor, f"{page}gradio_api/upload", files=files).json()
    return str(path)


def outcome(page: str, began: httpx.Response) -> str:
    return httpx.get(f"{page}gradio_api/call/submit/{began.json()['event_id']}", timeout=60).text


def test_dripping_addresses_hold_up_nobody_else(page: str, elsewhere: str, clip: Path) -> None:
    with ThreadPoolExecutor(16) as threads:
        drips = [threads.submit(submit, page, f"{elsewhere}drip", "127.0.1.1") for _ in range(16)]
        for _ in range(4):
            assert ASKED.acquire(timeout=60)
        refused = [drip for drip in drips if not _waits(drip)]
        while len(refused) < 12:
            threading.Event().wait(0.05)
            refused = [drip for drip in drips if not _waits(drip)]
        assert {drip.result().status_code for drip in refused} == {429}
        path = uploaded(page, clip.read_bytes(), "127.0.1.2")
        began = submit(page, path, "127.0.1.2")  # while four drip on
        assert "event: complete" in outcome(page, began)
        assert sum(_waits(drip) for drip in drips) == 4
        GO_ON.set()
        ended = [drip.result() for drip in drips if drip not in refused]
        assert all("could not be fetched" in outcome(page, began) for began in ended)


def _waits(drip: Any) -> bool:
    return not drip.done()


def test_addresses_over_mcp_count_as_those_of_the_page(page: str, elsewhere: str) -> None:
    """Eighteen files an hour come with three jobs: a visitor's own, whichever way they name them."""
    GO_ON.set()
    visitor = "127.0.1.3"
    assert "could not be fetched" in tool(page, f"{elsewhere}drip", visitor).text
    for _ in range(17):
        assert submit(page, "http://127.0.0.2/", visitor).status_code == 200
    assert tool(page, f"{elsewhere}clip.mp4", visitor).status_code == 429
    assert submit(page, f"{elsewhere}clip.mp4", visitor).status_code == 429
    assert submit(page, f"{elsewhere}clip.mp4", "127.0.1.4").status_code == 200


def test_jobs_over_mcp_count_for_who_asks(page: str, clip: Path) -> None:
    """The server calls itself for them, and says for whom; nobody else can say so."""
    answers = []
    for number in range(4):
        content = clip.read_bytes() + (9).to_bytes(4, "big") + b"free" + bytes([65 + number])
        path = uploaded(page, content, "127.0.1.5")
        answers.append(tool(page, f"{page}gradio_api/file={path}", "127.0.1.5").text)
    assert [("token" in answer, "limit of 3 clips" in answer) for answer in answers] == [(True, False)] * 3 + [
        (False, True)
    ]
    other = uploaded(page, clip.read_bytes() + (9).to_bytes(4, "big") + b"free9", "127.0.1.6")
    assert "token" in tool(page, f"{page}gradio_api/file={other}", "127.0.1.6").text
