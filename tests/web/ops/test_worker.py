"""A worker as an operator sees it: health and metrics on its port, a clean end, sentences for what cannot be used."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.jobs.deployment import RedisServer
from tests.web.served import ROOT, free_port
from vimix.errors import Unavailable
from vimix.matting import registry
from vimix.settings import Settings
from vimix.web.ops import prefetch, probe

START_WITHIN = 60.0


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    yield server
    server.kill()


def start(folder: Path, *arguments: str, **variables: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "vimix", "worker", *arguments], cwd=ROOT, text=True,
        env=os.environ | {"VIMIX_DATA_DIR": str(folder)} | variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


@pytest.mark.redis
def test_it_says_how_it_is_and_ends_cleanly(tmp_path: Path, redis: RedisServer) -> None:
    port = free_port()
    process = start(tmp_path, "--health", str(port), REDIS_URL=redis.url)
    until = time.monotonic() + START_WITHIN
    said: dict[str, object] = {}
    while not said:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
                said = json.load(answer)
        except OSError:
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.1)
    assert said["ready"]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        assert b"vimix_slots 1.0" in answer.read()
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=20)
    assert process.returncode == 0, output
    assert "Traceback" not in output


@pytest.mark.redis
def test_a_taken_health_port_is_said(tmp_path: Path, redis: RedisServer) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        process = start(tmp_path, "--health", str(taken.getsockname()[1]), REDIS_URL=redis.url)
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "VIMIX_HEALTH_PORT" in said
    assert "Traceback" not in said


def test_a_redis_that_is_not_there_is_said(tmp_path: Path) -> None:
    said, _ = (process := start(tmp_path, REDIS_URL="redis://127.0.0.1:9/0")).communicate(timeout=60)
    assert process.returncode == 5
    assert "REDIS_URL" in said
    assert "Traceback" not in said


def test_the_containers_check_asks_what_runs() -> None:
    environment = {"PORT": "80", "VIMIX_HEALTH_PORT": "81"}
    page, worker = ["tini", "--", "python", "app.py"], ["tini", "--", "python", "-m", "vimix", "worker"]
    assert probe.address(page, environment) == "http://127.0.0.1:80/healthz"
    assert probe.address(worker, environment) == "http://127.0.0.1:81/healthz"
    assert probe.address([*worker, "--health", "82", ""], environment) == "http://127.0.0.1:82/healthz"
    assert probe.address([*worker, "--health=83"], environment) == "http://127.0.0.1:83/healthz"


def test_weights_that_cannot_be_had_are_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tries = iter([Unavailable("No mirror gave them."), OSError("reset"), None])

    def fetch(name: str, folder: Path, mirrors: object) -> Iterator[None]:
        if (fault := next(tries)) is not None:
            raise fault
        yield from ()

    monkeypatch.setattr(registry, "fetch", fetch)
    monkeypatch.setattr(prefetch, "AGAIN", (0.0,))
    assert registry.DEFAULT in registry.BY_DEFAULT
    prefetch._fetch_all(Settings(model_dir=tmp_path), [registry.DEFAULT])
    assert next(tries, "none left") == "none left"
    assert not prefetch.STATE
