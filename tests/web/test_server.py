"""The served page as an operator starts it: `app.py` itself, with what a machine may have set, and told to end."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from tests.web.served import ROOT, free_port
from vimix.settings import Settings
from vimix.web.middleware.public_address import PublicAddress, root_of

NOWHERE = "http://127.0.0.1:9"
START_WITHIN = 60.0


def start(folder: Path, **variables: str) -> "subprocess.Popen[str]":
    """`app.py` from a folder that is not its own."""
    proxies = {"http_proxy", "https_proxy", "all_proxy", "no_proxy"}
    clean = {name: value for name, value in os.environ.items() if name.lower() not in proxies}
    environment = clean | {"PORT": str(free_port()), "VIMIX_DATA_DIR": str(folder / "data"), "HF_HUB_OFFLINE": "1"}
    return subprocess.Popen(
        [sys.executable, str(ROOT / "app.py")], cwd=folder, env=environment | variables, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


@contextmanager
def running(folder: Path, **variables: str) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    port = str(free_port())
    process = start(folder, **{"PORT": port} | variables)
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    address, until = f"http://127.0.0.1:{port}", time.monotonic() + START_WITHIN
    try:
        while True:
            try:
                direct.open(f"{address}/healthz", timeout=2).close()
                break
            except OSError:
                assert process.poll() is None, process.communicate()[0]
                assert time.monotonic() < until
                time.sleep(0.1)
        yield address, process
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def client() -> httpx.Client:
    return httpx.Client(trust_env=False, timeout=30)


def test_proxies_do_not_get_between_the_server_and_itself(tmp_path: Path) -> None:
    proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), NOWHERE)
    with running(tmp_path, ALL_PROXY="socks5://127.0.0.1:9", **proxies) as (address, process), client() as asking:
        assert asking.get(address).status_code == 200
        with asking.stream("GET", f"{address}/gradio_api/heartbeat/test") as beats:  # an answer that never ends
            assert beats.status_code == 200
            process.send_signal(signal.SIGTERM)
            said, _ = process.communicate(timeout=20)
        assert process.returncode == 0, said
        assert "Traceback" not in said
        assert address in said


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_a_taken_port_is_said_in_a_sentence(tmp_path: Path, host: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = start(tmp_path, PORT=str(port), VIMIX_HOST=host)
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 2
    assert said.strip() == f"Port {port} is taken by another program. Set PORT to a free one, or end that program."


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "here"),
        ("VIMIX_DEVICE", "gpu"),
        ("REDIS_URL", "host:6379"),
        ("REDIS_URL", "redis://:pass/word@host:6379"),
        ("REDIS_URL", "redis://127.0.0.1:9/0"),
        ("PUBLIC_API_URL", "clips.example"),
        ("VIMIX_HOST", "203.0.113.7"),
        ("MAX_UPLOAD_MB", "0"),
    ],
)
def test_a_fault_of_the_configuration_names_the_variable(tmp_path: Path, name: str, value: str) -> None:
    process = start(tmp_path, **{name: value})
    said, _ = process.communicate(timeout=60)
    assert process.returncode not in (0, None)
    assert name in said
    assert "Traceback" not in said
    assert "pass/word" not in said


def test_everything_works_below_a_path(tmp_path: Path) -> None:
    public = "https://example.org/tools/vimix"
    with running(tmp_path, PUBLIC_API_URL=public + "/") as (address, _), client() as asking:
        for root in (address, f"{address}/tools/vimix"):  # a proxy that takes the path off, and one that does not
            page = asking.get(f"{root}/").text
            config = re.search(r"window\.gradio_config = (\{.*?\});</script>", page, re.DOTALL)
            assert config
            assert json.loads(config[1])["root"] == public
            script = re.search(r"page/base\.js\?v=\w+", page)
            assert script
            for path in (script[0], "theme.css", "config", "healthz", "gradio_api/info", "page/logo.svg"):
                assert asking.get(f"{root}/{path}").status_code == 200, path
            assert asking.get(f"{root}/j/abc").headers["location"] == "../?job=abc"
            assert asking.get(f"{root}/embed?format=webm").headers["location"].startswith("./?view=embed")
        assert asking.get(f"{address}/tools/vimix?job=1").headers["location"] == f"{public}/?job=1"
        there = asking.get(f"{address}/gradio_api/mcp", headers={"accept": "text/html"})
        assert there.status_code == 200 or there.headers["location"].startswith(public)


@pytest.mark.parametrize(
    ("public", "headers", "root"),
    [
        ("", {"host": "a.example"}, "http://a.example"),
        ("", {"host": "a.example", "x-forwarded-proto": "https"}, "https://a.example"),
        ("", {"host": "a.example", "x-forwarded-proto": "https, http"}, "https://a.example"),
        ("", {"host": "a.example", "x-forwarded-proto": "javascript"}, "http://a.example"),
        ("", {"host": "up:7860", "x-forwarded-host": "a.example", "x-forwarded-proto": "HTTPS"}, "https://a.example"),
        ("https://b.example/x/", {"host": "a.example", "x-forwarded-proto": "http"}, "https://b.example/x"),
    ],
)
def test_one_rule_for_the_address(public: str, headers: dict[str, str], root: str) -> None:
    settings = Settings(public_url=public)
    seen: list[str] = []

    async def inside(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        seen.extend((root_of(request, settings), request.url.scheme, request.url.path))
        await Response()(scope, receive, send)

    path = "/x/r/1" if public else "/r/1"
    asking = TestClient(PublicAddress(inside, settings), base_url="http://up")
    assert asking.get(path, headers=headers).status_code == 200
    assert seen == [root, root.split(":")[0], "/r/1"]
