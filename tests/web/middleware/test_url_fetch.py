"""Addresses as inputs: only public ones, only so much, and nothing left behind."""

import asyncio
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from tests.loopback import answering
from vimix import public_network
from vimix.errors import Refused
from vimix.settings import Settings
from vimix.web.middleware import request_body, upload_limits, url_fetch
from vimix.web.middleware.rate_limit import limiter
from vimix.web.middleware.url_fetch import Fetches

MB = 1 << 20


class Elsewhere(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        name = self.path.strip("/")
        if name.startswith("to:"):
            self.send_response(302)
            self.send_header("Location", name[3:].replace("|", "/"))
            self.end_headers()
            return
        size = {"clip.mp4": 1000, "large": MB + 1, "endless": 50 * MB, "lying": 10}.get(name)
        self.send_response(200 if size else 404)
        if name != "endless":
            self.send_header("Content-Length", str(size or 0))
        self.end_headers()
        try:
            for _ in range((size or 0) // 1000 + 1):
                self.wfile.write(b"v" * min(1000, size or 0))
        except OSError:
            pass

    def log_message(self, *said: object) -> None:
        pass


@pytest.fixture
def elsewhere() -> Iterator[str]:
    with answering(Elsewhere) as port:
        yield f"http://127.0.0.1:{port}/"


def fetch(url: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(folder))
    (found,) = asyncio.run(Fetches(Settings(max_upload_mb=1)).all([url], "anyone"))
    if isinstance(found, str):
        raise Refused(found)
    return found


def test_a_file_is_fetched_under_its_name(elsewhere: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(public_network, "is_public", lambda address: True)
    for path in ("clip.mp4", "to:|clip.mp4"):
        file = fetch(elsewhere + path, tmp_path, monkeypatch)
        assert (file.name, file.stat().st_size) == ("clip.mp4", 1000)


@pytest.mark.parametrize(
    ("path", "sentence"),
    [("large", "1 MB"), ("endless", "1 MB"), ("nothing", "answered 404"), ("to:|to:||", "could not|404|too many times"),
     ("to:file:||etc|passwd", "Only http"), ("lying", "1 MB|could not")],
)  # fmt: skip
def test_what_is_not_a_file_within_the_limits_is_refused(
    elsewhere: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, sentence: str
) -> None:
    monkeypatch.setattr(public_network, "is_public", lambda address: True)
    if path == "lying":
        assert fetch(elsewhere + path, tmp_path, monkeypatch).stat().st_size == 10
        return
    with pytest.raises(Refused, match=sentence):
        fetch(elsewhere + path, tmp_path, monkeypatch)
    assert not list(tmp_path.rglob("*"))


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/", "http://localhost:6379/", "http://169.254.169.254/latest/", "http://[::1]/", "http://",
        "http://10.1.2.3/", "http://100.64.0.1/", "http://[::ffff:127.0.0.1]/", "http://0.0.0.0/",
        "http://2130706433/", "file:///etc/passwd",
    ],
)  # fmt: skip
def test_no_house_is_entered(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Refused, match=r"not public|Only http|could not be fetched"):
        fetch(url, tmp_path, monkeypatch)


def test_a_redirect_into_the_house_is_refused(elsewhere: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    port = elsewhere.split(":")[-1].strip("/")
    monkeypatch.setattr(public_network, "is_public", lambda address: address != "127.0.0.2")
    with pytest.raises(Refused, match="not public"):
        fetch(f"{elsewhere}to:http:||127.0.0.2:{port}|clip.mp4", tmp_path, monkeypatch)


@pytest.mark.parametrize(
    "address",
    ["64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2002:a00:1::1", "::127.0.0.1", "fec0::1", "192.0.0.8",
     "64:ff9b:1::1", "::ffff:10.0.0.1", "2001:0:7f00:1::"],
)  # fmt: skip
def test_an_address_that_leads_to_a_private_one_is_not_public(address: str) -> None:
    assert not public_network.is_public(address)


@pytest.mark.parametrize("address", ["64:ff9b::808:808", "2002:808:808::1", "8.8.8.8", "2606:4700::1111"])
def test_what_leads_to_a_public_one_is(address: str) -> None:
    assert public_network.is_public(address)


def call(files: int, url: str = "https://127.0.0.1/a.mp4") -> dict[str, Any]:
    file = {"path": url, "meta": {"_type": "gradio.FileData"}}
    return {"data": [{"clip": [file] * files}, "https://example.org/ is no file"]}


@pytest.mark.parametrize("path", ["/gradio_api/call/submit", "/gradio_api/queue/join"])
def test_addresses_count_as_uploads_of_who_names_them(tmp_path: Path, path: str) -> None:
    """Six an hour come with one job an hour; the seventh is refused before anything is fetched."""

    async def echo(request: Request) -> JSONResponse:
        return JSONResponse(await request.json())

    limiter.cache_clear()
    settings = Settings(data_dir=tmp_path, jobs_per_hour=1)
    app = Starlette(routes=[Route(path, echo, methods=["POST"])], middleware=upload_limits.middleware(settings))
    client = TestClient(app)
    handed_on = client.post(path, json=call(5)).json()
    assert handed_on["data"][1] == call(5)["data"][1]
    assert all("is%20not%20public" in file["path"] for file in handed_on["data"][0]["clip"])
    assert client.post(path, json=call(1)).status_code == 200
    refused = client.post(path, json=call(1))
    assert (refused.status_code, "retry-after" in refused.headers) == (429, True)
    assert client.post(path, json=call(0)).status_code == 200
    assert client.post(path, json=call(21)).status_code == 413
    deep = client.post(path, content=b"[" * 100_000, headers={"content-type": "application/json"})
    assert deep.status_code == 422
    limiter.cache_clear()


def test_a_fetch_that_finds_no_room_leaves_nothing(
    elsewhere: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(public_network, "is_public", lambda address: True)
    monkeypatch.setattr(url_fetch, "free_bytes", lambda folder: request_body.SPARE_BYTES)
    with pytest.raises(Refused, match="disk is full"):
        fetch(elsewhere + "clip.mp4", tmp_path, monkeypatch)
    assert not list(tmp_path.rglob("*.mp4"))
