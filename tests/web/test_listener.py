"""The server against clients that only hold what others need: connections, memory, the disk, and streams."""

import logging
import select
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from vimix.settings import Settings
from vimix.web import listener
from vimix.web.listener import Connections, Server, bound
from vimix.web.middleware import request_body, upload_limits
from vimix.web.middleware.rate_limit import limiter
from vimix.web.middleware.reservations import Parts

MB = 1 << 20


async def echo(request: Request) -> JSONResponse:
    if "multipart" in request.headers.get("content-type", ""):
        async with request.form() as form:
            return JSONResponse({"files": len(form.multi_items())})
    return JSONResponse({"bytes": len(await request.body())})


@contextmanager
def served(settings: Settings, per_address: int | None = 8) -> Iterator[int]:
    """A small app behind our doors, on our server; its port."""
    paths = ("/gradio_api/upload", "/convert", "/healthz")
    routes = [Route(path, echo, methods=["GET", "POST"]) for path in paths]
    port = bound("127.0.0.1", 0)
    server = Server(
        Starlette(routes=routes, middleware=upload_limits.middleware(settings)), port, per_address=per_address
    )
    server.begin()
    try:
        yield port.getsockname()[1]
    finally:
        server.close()


def connected(port: int, said: bytes = b"") -> socket.socket:
    line = socket.create_connection(("127.0.0.1", port), timeout=10)
    line.sendall(said)
    return line


def is_closed(line: socket.socket) -> bool:
    try:
        return line.recv(1) == b""
    except ConnectionError:
        return True


def healthy(port: int) -> bool:
    return httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200


def test_idle_connections_of_one_address_are_few_and_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "REQUEST_WITHIN", 0.5)
    with served(Settings(data_dir=tmp_path)) as port, ExitStack() as lines:
        kept = [lines.enter_context(connected(port, b"GET /healthz HTTP/1.1\r\nHo")) for _ in range(8)]
        assert is_closed(lines.enter_context(connected(port)))  # the ninth
        assert all(is_closed(line) for line in kept)  # half a header is no request
        assert healthy(port)


def test_a_kept_connection_that_asks_again_is_not_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "REQUEST_WITHIN", 0.3)
    with served(Settings(data_dir=tmp_path)) as port, httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        for _ in range(3):
            assert client.get("/healthz").status_code == 200
            time.sleep(0.2)


def test_refused_connections_are_told_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    connections = Connections(2, None)
    with caplog.at_level(logging.WARNING):
        assert [connections.enter("a") for _ in range(500)] == [True, True, *[False] * 498]
    assert len(caplog.records) == 1
    connections.leave("a")
    assert connections.enter("b")


def test_unfinished_requests_take_only_so_much_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty of 3 MB that never end: the visitor's share is 12 MB, and the rest are told so."""
    head = b"POST /convert HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (
        3 * MB + 1
    )
    with served(Settings(data_dir=tmp_path), None) as port, ExitStack() as lines:
        answers = []
        for _ in range(8):
            line = lines.enter_context(connected(port, head))
            line.settimeout(0.5)
            try:
                line.sendall(b" " * (3 * MB))
                answers.append(line.recv(12))
            except TimeoutError:
                answers.append(b"")
            except ConnectionError:
                answers.append(b"HTTP/1.1 429")
        assert answers.count(b"") == 4
        assert answers.count(b"HTTP/1.1 429") == 4
        assert healthy(port)
    with served(Settings(data_dir=tmp_path), None) as port:  # what was held is given back
        assert httpx.post(f"http://127.0.0.1:{port}/convert", json={"a": 1}).json() == {"bytes": len('{"a":1}')}


@pytest.mark.parametrize("path", ["/convert", "/gradio_api/upload"])
def test_a_body_that_drips_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setattr(request_body, "JSON_SECONDS", 0.6)
    monkeypatch.setattr(request_body, "STALL", 0.6)
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 999\r\n\r\n"
    with served(Settings(data_dir=tmp_path)) as port, connected(port, head.encode()) as line:
        began = time.monotonic()
        while time.monotonic() - began < 20:
            try:
                line.sendall(b" ")
            except ConnectionError:
                break
            line.settimeout(0.1)
            try:
                assert line.recv(12) == b"HTTP/1.1 408"
                break
            except TimeoutError:
                continue
        else:
            pytest.fail("it may drip for ever")


def parts(count: int, size: int = 10) -> bytes:
    one = b'--xyz\r\nContent-Disposition: form-data; name="files"; filename="a.mp4"\r\n\r\n' + b"v" * size + b"\r\n"
    return one * count + b"--xyz--\r\n"


def test_every_file_of_an_upload_counts(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, jobs_per_hour=1)
    limiter.cache_clear()
    kind = {"content-type": "multipart/form-data; boundary=xyz"}
    with served(settings) as port:
        address = f"http://127.0.0.1:{port}/gradio_api/upload"
        assert httpx.post(address, content=parts(4), headers=kind).json() == {"files": 4}
        refused = httpx.post(address, content=parts(4), headers=kind)  # six an hour
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) > 60
    limiter.cache_clear()
    with served(settings.model_copy(update={"jobs_per_hour": 0})) as port:
        many = httpx.post(f"http://127.0.0.1:{port}/gradio_api/upload", content=parts(1000), headers=kind)
        assert many.status_code == 413
        assert "at most 20" in many.json()["error"]


def test_parts_are_counted_wherever_the_stream_is_cut() -> None:
    body = parts(5)
    for step in (1, 3, 7, 64, 1000):
        counted = Parts(b"xyz")
        for at in range(0, len(body), step):
            counted.feed(body[at : at + step])
        assert counted.count == 6


def test_uploads_together_never_fill_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Room for two of three; what is declared is reserved before it comes, and given back when it does not."""
    monkeypatch.setattr(upload_limits, "free_bytes", lambda folder: request_body.SPARE_BYTES + 25 * MB)
    head = b"POST /gradio_api/upload HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (10 * MB)
    with served(Settings(data_dir=tmp_path)) as port:
        with ExitStack() as lines:
            sent = [lines.enter_context(connected(port, head)) for _ in range(3)]
            (refused,), _, _ = select.select(sent, [], [], 30)
            assert refused.recv(12) == b"HTTP/1.1 507"
            sent.remove(refused)
            assert select.select(sent, [], [], 0.5)[0] == []

        for _ in range(100):  # until the server has seen that both are gone
            answer = httpx.post(f"http://127.0.0.1:{port}/gradio_api/upload", content=b"v" * 20 * MB)
            if answer.status_code == 200:
                break
            time.sleep(0.1)
        assert answer.json() == {"bytes": 20 * MB}
