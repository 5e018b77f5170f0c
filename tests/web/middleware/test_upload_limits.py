"""The doors, before a real Gradio page: who is counted, how much comes in, and what browsers are told."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import httpx
import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from tests.jobs.deployment import RedisServer
from tests.web.served import serving
from vimix.errors import Busy
from vimix.jobs.service import open_service
from vimix.options import Options
from vimix.settings import Settings
from vimix.web.api import http_api
from vimix.web.middleware import rate_limit, upload_limits

MB = 1 << 20
FRIEND, STRANGER = "https://friend.example", "https://evil.example"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path)


def asker(peer: str = "10.0.0.9", *forwarded: str, account: str | None = None) -> Request:
    headers = [(b"x-forwarded-for", line.encode()) for line in forwarded]
    scope: dict[str, Any] = {"type": "http", "client": (peer, 1), "headers": headers}
    if account:
        scope["session"] = {"oauth_info": {"userinfo": {"sub": account}}}
    return Request(scope)


@pytest.mark.parametrize(
    ("proxies", "forwarded", "same_as"),
    [
        (0, ["6.6.6.6"], "10.0.0.9"),
        (1, ["6.6.6.6, 7.7.7.7"], "7.7.7.7"),
        (1, ["6.6.6.6", "7.7.7.7"], "7.7.7.7"),
        (2, ["1.1.1.1, 6.6.6.6, 7.7.7.7"], "6.6.6.6"),
        (2, ["7.7.7.7"], "10.0.0.9"),
        (1, [], "10.0.0.9"),
        (1, [", ,"], "10.0.0.9"),
        (1, ["7.7.7.7:5123"], "7.7.7.7"),
        (1, ["::ffff:7.7.7.7"], "7.7.7.7"),
    ],
)
def test_only_what_our_own_proxies_wrote_counts(
    settings: Settings, proxies: int, forwarded: list[str], same_as: str
) -> None:
    behind = settings.model_copy(update={"trusted_proxies": proxies})
    assert rate_limit.visitor_of(asker("10.0.0.9", *forwarded), behind) == rate_limit.visitor_of(
        asker(same_as), settings
    )


def test_an_invented_beginning_changes_nothing(settings: Settings) -> None:
    behind = settings.model_copy(update={"trusted_proxies": 1})
    seen = {rate_limit.visitor_of(asker("10.0.0.9", f"{n}.1.1.1, 7.7.7.7"), behind) for n in range(50)}
    assert len(seen) == 1


def test_an_ipv6_house_is_one_visitor(settings: Settings) -> None:
    def who(address: str) -> str:
        return rate_limit.visitor_of(asker(address), settings)

    assert (
        who("2001:db8:1:2::1") == who("2001:db8:1:2:ffff::9") == who("[2001:db8:1:2::5]") == who("2001:db8:1:2::1%eth0")
    )
    assert who("2001:db8:1:2::1") != who("2001:db8:1:3::1")
    assert who("garbage") == who("") != who("10.0.0.9")


def test_an_account_is_itself_wherever_it_is(settings: Settings) -> None:
    one = rate_limit.visitor_of(asker("1.1.1.1", account="ada"), settings)
    assert one == rate_limit.visitor_of(asker("2.2.2.2", account="ada"), settings)
    assert one not in {
        rate_limit.visitor_of(asker("1.1.1.1"), settings),
        rate_limit.visitor_of(asker(account="bob"), settings),
    }


def test_gradio_s_request_is_understood(settings: Settings) -> None:
    raw = asker("10.0.0.9", "7.7.7.7")
    behind = settings.model_copy(update={"trusted_proxies": 1})
    plain = SimpleNamespace(headers=dict(Headers(scope=raw.scope)), client=raw.client)
    assert (
        rate_limit.visitor_of(gr.Request(raw), behind)
        == rate_limit.visitor_of(raw, behind)
        == rate_limit.visitor_of(plain, behind)
    )


def test_the_name_of_a_visitor_cannot_be_undone(settings: Settings, tmp_path: Path) -> None:
    name = rate_limit.visitor_of(asker("7.7.7.7"), settings)
    assert "7.7.7.7" not in name
    other = Settings(data_dir=tmp_path / "other")
    assert rate_limit.visitor_of(asker("7.7.7.7"), other) != name
    assert (tmp_path / "secret").stat().st_mode & 0o077 == 0
    rate_limit.secret_of.cache_clear()
    assert rate_limit.visitor_of(asker("7.7.7.7"), settings) == name


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.redis)])
def limited(request: pytest.FixtureRequest, settings: Settings, tmp_path: Path) -> Iterator[Settings]:
    settings = settings.model_copy(update={"jobs_per_hour": 3})
    if request.param == "memory":
        yield settings
        return
    server = RedisServer(tmp_path / "redis")
    yield settings.model_copy(update={"redis_url": SecretStr(server.url)})
    server.process.terminate()
    server.process.wait(10)


def test_the_fourth_job_within_an_hour_waits(limited: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    limiter, beside = rate_limit.Limiter(limited), rate_limit.Limiter(limited)
    for made in range(3):
        assert limiter.left("a") == limiter.left("a") == 3 - made
        limiter.job("a")
    assert (limiter.left("a"), limiter.left("b")) == (0, 3)
    with pytest.raises(Busy, match=r"limit of 3 clips an hour\. Please come back in 60 minutes") as caught:
        limiter.job("a")
    assert 3590 < caught.value.retry_after <= 3600
    limiter.job("b")
    limiter.upload("a")
    limiter.conversion("a")
    if limited.redis_url.get_secret_value():
        with pytest.raises(Busy):
            beside.job("a")


def test_the_window_moves(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    limiter = rate_limit.Limiter(settings.model_copy(update={"jobs_per_hour": 2}))
    start = time.time()
    for minute in (0, 30):
        monkeypatch.setattr(time, "time", lambda now=start + minute * 60: now)
        limiter.job("a")
    with pytest.raises(Busy, match="30 minutes"):
        limiter.job("a")
    monkeypatch.setattr(time, "time", lambda: start + 61 * 60)
    limiter.job("a")
    with pytest.raises(Busy):
        limiter.job("a")


def test_no_limit_and_no_redis_let_people_in(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    free = rate_limit.Limiter(settings)
    assert free.left("a") is None
    dead = rate_limit.Limiter(
        settings.model_copy(update={"jobs_per_hour": 1, "redis_url": SecretStr("redis://u:PLANTED@127.0.0.1:9/0")})
    )
    for _ in range(5):
        free.job("a")
        dead.job("a")
    assert "PLANTED" not in caplog.text


def test_an_answer_that_is_there_costs_nothing(settings: Settings, tmp_path: Path) -> None:
    settings = settings.model_copy(update={"jobs_per_hour": 1, "data_dir": tmp_path / "data"})
    service = open_service(settings, workers=0)
    http_api.routes(service, settings)
    clip = tmp_path / "clip"
    for content in (b"one", b"one", b"one"):
        clip.write_bytes(content)
        service.submit(clip, "clip", Options(), visitor="v")
    clip.write_bytes(b"two")
    with pytest.raises(Busy, match="limit of 1 clips an hour"):
        service.submit(clip, "clip", Options(), visitor="v")
    service.submit(clip, "clip", Options(), visitor="another")
    service.jobs.close()


class Served:
    def __init__(self, url: str, uploads: Path) -> None:
        self.url, self.uploads = url, uploads

    def left(self) -> list[str]:
        return [path.name for path in self.uploads.rglob("*") if path.is_file()]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("page")
    rules: dict[str, Any] = {"CORS_ORIGINS": f"{FRIEND}, https://b.example/", "MAX_UPLOAD_MB": "1"}
    with serving(folder, "real", VIMIX_WORKERS="0", VIMIX_JOBS_PER_HOUR="50", **rules) as url:
        yield Served(url, folder / "uploads")


def send(page: Served, *sizes: int, **headers: str) -> httpx.Response:
    files = [("files", (f"clip{n}.mp4", b"v" * size, "video/mp4")) for n, size in enumerate(sizes)]
    return httpx.post(f"{page.url}gradio_api/upload", files=files, headers=headers)


def test_an_upload_within_the_limit_arrives(page: Served) -> None:
    answer = send(page, MB)
    assert answer.status_code == 200
    assert Path(answer.json()[0]).stat().st_size == MB


def test_a_file_too_large_is_refused_in_a_sentence(page: Served) -> None:
    before = page.left()
    answer = send(page, MB + 1)
    assert answer.status_code == 413
    assert answer.json() == {"error": "This file is too large; the limit is 1 MB."}
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert page.left() == before


def test_a_length_that_is_declared_too_large_is_refused_unread(page: Served) -> None:
    answer = send(page, *[MB] * 21)
    assert answer.status_code == 413


@pytest.mark.parametrize("path", ["convert", "gradio_api/queue/join", "gradio_api/upload"])
def test_a_length_that_is_not_declared_is_counted(page: Served, path: str) -> None:
    before = page.left()
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        head = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.mp4"\r\n\r\n'
        yield head
        while sent < 100 * MB:
            sent += MB // 4
            yield b"v" * (MB // 4)

    kind = "multipart/form-data; boundary=x" if "upload" in path else "application/json"
    try:
        answer = httpx.post(page.url + path, content=endless(), headers={"content-type": kind}, timeout=20)
        assert answer.status_code == 413
    except (httpx.WriteError, httpx.ReadError):  # the connection was closed before all was sent
        pass
    assert sent < 60 * MB
    assert page.left() == before


def test_an_upload_that_breaks_off_leaves_nothing(page: Served) -> None:
    before = page.left()
    host, port = page.url.removeprefix("http://").rstrip("/").split(":")
    body = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.mp4"\r\n\r\n' + b"v" * 500_000
    with socket.create_connection((host, int(port))) as wire:
        wire.sendall(
            b"POST /gradio_api/upload HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=x\r\n"
            b"Content-Length: 900000\r\n\r\n" + body
        )
        wait_until(lambda: len(page.left()) > len(before))
    wait_until(lambda: page.left() == before)


def wait_until(so: Any) -> None:
    for _ in range(500):
        if so():
            return
        threading.Event().wait(0.02)
    raise AssertionError("it did not come to be so")


def test_a_stalled_upload_is_ended(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload_limits, "STALL", 0.05)

    async def echo(request: Request) -> JSONResponse:
        return JSONResponse({"bytes": len(await request.body())})

    app = Starlette(routes=[Route("/upload", echo, methods=["POST"])], middleware=upload_limits.middleware(settings))
    sent: list[Any] = []

    async def never() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/upload", "headers": [], "client": ("1.1.1.1", 1)}
    scope |= {"query_string": b"", "root_path": "", "scheme": "http", "server": ("x", 80)}
    asyncio.run(asyncio.wait_for(app(scope, never, send), 10))
    assert sent[0]["status"] == 408
    assert b"send it again" in sent[1]["body"]


def test_a_full_disk_takes_no_uploads(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload_limits, "free_bytes", lambda folder: 0)
    (answer,) = ask(settings, "POST", "/gradio_api/upload")
    assert answer.status_code == 507
    assert "disk is full" in answer.json()["error"]


def ask(settings: Settings, method: str, path: str, times: int = 1, **headers: str) -> list[httpx.Response]:
    """Answers of a bare app behind the doors."""

    async def echo(request: Request) -> JSONResponse:
        return JSONResponse({"bytes": len(await request.body())})

    app = Starlette(routes=[Route(path, echo, methods=["GET", "POST"])], middleware=upload_limits.middleware(settings))

    async def many() -> list[httpx.Response]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as http:
            return [await http.request(method, path, content=b"x", headers=headers) for _ in range(times)]

    return asyncio.run(many())


def test_uploads_have_a_limit_of_their_own(settings: Settings) -> None:
    answers = ask(settings.model_copy(update={"jobs_per_hour": 1}), "POST", "/gradio_api/upload", times=8)
    assert [answer.status_code for answer in answers] == [200] * 6 + [429] * 2
    assert 3500 < int(answers[-1].headers["retry-after"]) <= 3600
    assert "limit of 6 files an hour" in answers[-1].json()["error"]


@pytest.mark.parametrize(
    "path",
    [
        "gradio_api/file=http://127.0.0.1/x", "gradio_api/file=HTTPS://x", "file=http://x", "gradio_api/file=%68ttp://x",
        "gradio_api/file=ftp://x", "gradio_api/file=//x", "gradio_api/file=%20http:x", "gradio_api/proxy=https://x.io/",
    ],
)  # fmt: skip
def test_files_of_others_are_not_fetched_for_anybody(page: Served, path: str) -> None:
    answer = httpx.get(page.url + path)
    assert answer.status_code == 403
    assert answer.json() == {"error": "Files from other sites are not fetched."}
    assert httpx.get(f"{page.url}gradio_api/file=/etc/passwd").status_code == 403


def test_only_named_origins_may_call(page: Served) -> None:
    def asked(origin: str, method: str = "GET", path: str = "config") -> httpx.Response:
        headers = {"origin": origin, "host": "vimix.example"}
        if method == "OPTIONS":
            headers |= {"access-control-request-method": "POST", "access-control-request-headers": "content-type"}
        return httpx.request(method, page.url + path, headers=headers)

    for origin in (STRANGER, "null", FRIEND + ".evil.example", "http://friend.example"):
        answer = asked(origin)
        assert answer.status_code == 200
        assert not [name for name in answer.headers if name.startswith("access-control")]
        preflight = asked(origin, "OPTIONS")
        assert preflight.status_code == 403
        assert not [name for name in preflight.headers if name.startswith("access-control")]
    for origin in (FRIEND, "https://b.example"):
        answer = asked(origin)
        assert answer.headers["access-control-allow-origin"] == origin
        assert "access-control-allow-credentials" not in answer.headers
        assert "origin" in answer.headers["vary"].lower()
        preflight = asked(origin, "OPTIONS", "gradio_api/queue/join")
        assert preflight.status_code == 204
        assert preflight.headers["access-control-allow-headers"] == "content-type"


def test_a_star_is_for_everyone_without_cookies(settings: Settings) -> None:
    (answer,) = ask(settings.model_copy(update={"cors_origins": "*"}), "GET", "/", origin=STRANGER)
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers


def test_every_answer_carries_the_rules(page: Served) -> None:
    for path in ("", "config", "nothing", "gradio_api/file=http://x", "theme.css"):
        headers = httpx.get(page.url + path).headers
        assert "object-src 'none'" in headers["content-security-policy"]
        assert "frame-ancestors *" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert "geolocation=()" in headers["permissions-policy"]
        assert "x-frame-options" not in headers
