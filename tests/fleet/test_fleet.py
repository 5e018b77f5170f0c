"""Two web processes and two workers behind the nginx configuration that is shipped, over Redis and an S3 server.

Requests to our own routes take strict turns between the web processes, so nothing may be kept in one of them.
"""

import hashlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.jobs.deployment import RedisServer
from tests.stores import swift
from tests.web.drawn import draw
from tests.web.served import ROOT, free_port
from vimix.jobs.store.redis import RedisJobs

NGINX = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
STALE = 1.5
WITHIN = 90.0
WORKER = (
    "from tests.web.serve import end_with_parent; end_with_parent(); from vimix.settings import Settings; "
    f"from vimix.jobs.worker.serve import serve; serve(Settings.load(), stale={STALE})"
)
pytestmark = [pytest.mark.redis, pytest.mark.s3, pytest.mark.skipif(NGINX is None, reason="nginx is not installed")]


@dataclass
class Fleet:
    address: str
    variables: dict[str, str]
    redis: RedisServer
    folder: Path
    webs: list["subprocess.Popen[bytes]"] = field(default_factory=list)
    workers: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    def process(self, *command: str, **variables: str) -> "subprocess.Popen[bytes]":
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, *command], cwd=ROOT, stdout=log, stderr=log, start_new_session=True,
                env=os.environ | self.variables | variables,
            )  # fmt: skip

    def worker(self) -> None:
        self.workers.append(self.process("-c", WORKER))

    def web(self, port: int) -> None:
        uploads = self.folder / f"uploads{port}"
        self.webs.append(self.process("app.py", PORT=str(port), VIMIX_WORKERS="0", GRADIO_TEMP_DIR=str(uploads)))


def kill(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def proxy(folder: Path, port: int, webs: list[int]) -> Iterator[None]:
    """The shipped configuration, with this test's ports in the place of Compose's names."""
    shipped = (ROOT / "deploy" / "nginx.conf").read_text()
    servers = "\n".join(f"    server 127.0.0.1:{web} max_fails=1 fail_timeout=5s;" for web in webs)
    changed = re.sub(r" *server web:7860 .*;", servers, shipped).replace("listen 80;", f"listen 127.0.0.1:{port};")
    assert changed.count(servers) == 2
    places = "".join(
        f"{name}_temp_path {folder}/{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_processes 1;\n"
        f"events {{}}\nhttp {{ access_log off; {places} {changed} }}\n"
    )
    process = subprocess.Popen([str(NGINX), "-c", str(folder / "nginx.conf"), "-p", str(folder)])
    try:
        yield
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    folder = tmp_path_factory.mktemp("fleet")
    redis, port, ports = RedisServer(folder / "redis"), free_port(), [free_port(), free_port()]
    address = f"http://127.0.0.1:{port}"
    variables = {
        "REDIS_URL": redis.url, "S3_BUCKET": swift.bucket(), "S3_ENDPOINT": swift.endpoint(),
        "S3_ACCESS_KEY": swift.KEY, "S3_SECRET_KEY": swift.SECRET, "PUBLIC_API_URL": address,
        "VIMIX_TRUSTED_PROXIES": "1", "VIMIX_DATA_DIR": str(folder / "data"), "HF_HUB_OFFLINE": "1",
    }  # fmt: skip
    made = Fleet(address, variables, redis, folder)
    try:
        for web in ports:
            made.web(web)
        for _ in range(2):
            made.worker()
        with proxy(folder, port, ports):
            until_true(lambda: all(ready(f"http://127.0.0.1:{web}") for web in ports), made)
            yield made
    finally:
        for process in (*made.webs, *made.workers):
            kill(process)
        redis.kill()


def ready(address: str) -> bool:
    try:
        return httpx.get(f"{address}/readyz", timeout=10).status_code == 200
    except httpx.HTTPError:
        return False


def until_true(true: Any, fleet: Fleet) -> Any:
    until = time.monotonic() + WITHIN
    while not (found := true()):
        assert time.monotonic() < until, (fleet.folder / "log").read_text()[-4000:]
        time.sleep(0.1)
    return found


def submit(http: httpx.Client, clip: Path, **options: Any) -> tuple[str, str]:
    body = clip.read_bytes()
    leave = http.post("/api/upload-url", json={"bytes": len(body), "mime": "video/mp4"}).json()
    assert httpx.put(leave["url"], content=body, headers=leave["headers"]).is_success
    asked = {"key": leave["key"], "name": clip.name, "options": {"model": "portrait", "width": 64} | options}
    ticket = http.post("/api/submit", json=asked).json()
    return ticket["job"], ticket["token"]


def watched(http: httpx.Client, job: str) -> list[dict[str, Any]]:
    seen = []
    with http.stream("GET", f"/api/watch/{job}") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        for line in stream.iter_lines():
            if line.startswith("data: "):
                seen.append(json.loads(line[6:]))
    return seen


@pytest.fixture
def http(fleet: Fleet) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=fleet.address, timeout=WITHIN) as client:
        yield client


def test_jobs_streams_and_links_take_strict_turns(fleet: Fleet, http: httpx.Client, tmp_path: Path) -> None:
    jobs = [submit(http, draw(tmp_path / "clip.mp4"), format=format)[0] for format in ("webp", "webm")]
    for job in jobs:
        seen = watched(http, job)
        assert seen[-1]["state"] == "done"
        assert seen[-1]["card"]["output"]["alpha"]
        for _ in range(4):
            assert http.get(f"/api/status/{job}").json()["state"] == "done"
        link = http.get(f"/r/{job}")
        assert link.status_code == 302
        assert link.headers["location"].startswith(fleet.variables["S3_ENDPOINT"])
        body = httpx.get(link.headers["location"]).content
        assert hashlib.sha256(body).hexdigest() == seen[-1]["card"]["output"]["sha256"]
    packed = zipfile.ZipFile(io.BytesIO(http.get(f"/zip?jobs={','.join(jobs)}").content))
    assert sorted(Path(name).suffix for name in packed.namelist()) == [".webm", ".webp"]
    assert all(packed.read(name) for name in packed.namelist())


def test_gradios_calls_stay_with_one_process(fleet: Fleet, tmp_path: Path) -> None:
    from gradio_client import Client, handle_file

    client = Client(fleet.address, verbose=False, download_files=str(tmp_path))
    for seconds in (1.0, 1.2, 1.4):
        clip = draw(tmp_path / f"{seconds}.mp4", seconds=seconds)
        file, card = client.predict(handle_file(clip), model="portrait", width="64", api_name="/remove_background")
        assert card["output"]["bytes"] == Path(file).stat().st_size
    told = client.predict(card["job"], api_name="/result")
    assert told["url"] == f"{fleet.address}/r/{card['job']}"
    client.close()


def test_a_worker_and_a_web_process_are_killed_in_mid_job(fleet: Fleet, http: httpx.Client, tmp_path: Path) -> None:
    job, _ = submit(http, draw(tmp_path / "long.mp4", seconds=20.0))
    running = until_true(lambda: worker_of(fleet, job), fleet)
    kill(running)
    fleet.worker()
    kill(fleet.webs[0])
    for _ in range(4):
        assert http.get(f"/api/status/{job}").status_code == 200
    assert watched(http, job)[-1]["state"] == "done"
    assert http.get(f"/r/{job}").status_code == 302
    store = RedisJobs(fleet.redis.url)
    assert getattr(store.get(job), "attempts", None) == 2  # the first was the killed worker's
    store.close()


def worker_of(fleet: Fleet, job: str) -> "subprocess.Popen[bytes] | None":
    """The worker whose child works in the job's folder."""
    for cwd in Path("/proc").glob("[0-9]*/cwd"):
        try:
            if job in str(cwd.readlink()):
                parent = int(re.search(r"PPid:\s+(\d+)", (cwd.parent / "status").read_text())[1])  # type: ignore[index]
                found = [each for each in fleet.workers if each.pid == parent or os.getpgid(parent) == each.pid]
                if found:
                    return found[0]
        except OSError:
            continue
    return None
