"""Results, links, conversions and health over plain HTTP, with a folder and with a bucket behind them."""

import asyncio
import hashlib
import io
import json
import time
import zipfile
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.testclient import TestClient

from tests.stores import swift
from vimix.errors import VimixError
from vimix.jobs.model import Job, State
from vimix.jobs.service import JobService, open_service
from vimix.jobs.submission import token_hash
from vimix.matting.networks import runtime
from vimix.matting.networks.cpu import machine
from vimix.options import Options
from vimix.settings import Settings
from vimix.stores.local import LocalStore
from vimix.web.api import http_api, zip_download
from vimix.web.middleware import rate_limit, upload_limits
from vimix.web.ops import health
from vimix.web.ui.handlers import Page

CONTENT = bytes(range(256)) * 40
WEBP = Options().model_dump(mode="json")
JOB = "0123456789abcdef" * 2


@pytest.fixture(scope="module", autouse=True)
def _server_ends() -> Iterator[None]:
    yield
    swift.stop()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", model_dir=tmp_path / "models", max_upload_mb=1)


@pytest.fixture
def service(settings: Settings) -> Iterator[JobService]:
    service = open_service(settings, workers=0)
    yield service
    service.jobs.close()


def client_of(service: JobService) -> TestClient:
    app = Starlette(
        routes=[*http_api.routes(service, service.settings), zip_download.zip_route(service)],
        middleware=upload_limits.middleware(service.settings),
    )
    return TestClient(app, follow_redirects=False)


@pytest.fixture
def client(service: JobService) -> TestClient:
    return client_of(service)


def finished(service: JobService, tmp_path: Path, **changes: Any) -> Job:
    (tmp_path / "made").write_bytes(CONTENT)
    for key in ("out/made", "in/clip", "matte/made"):
        service.files.put(key, tmp_path / "made", mime="image/webp")
    now = time.time()
    facts: dict[str, Any] = {
        "id": JOB, "token_hash": token_hash("token"), "options": WEBP, "input_key": "in/clip",
        "input_name": 'Übung"\r\n.mp4', "work_key": "made", "matte_key": "matte/made", "visitor": "v", "created": now,
        "updated": now, "state": State.DONE, "result_key": "out/made", "card": {}, "expires": now + 1000,
    }  # fmt: skip
    job = Job(**(facts | changes))
    assert service.jobs.add(job, queue_max=10)
    return job


def test_a_result_is_the_file_with_its_facts(service: JobService, client: TestClient, tmp_path: Path) -> None:
    finished(service, tmp_path)
    answer = client.get(f"/r/{JOB}")
    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert answer.headers["content-type"] == "image/webp"
    assert answer.headers["etag"] == f'"{hashlib.sha256(CONTENT).hexdigest()}"'
    assert answer.headers["cache-control"] == "private, no-cache"
    assert answer.headers["x-content-type-options"] == "nosniff"
    saved_as = answer.headers["content-disposition"]
    assert saved_as.startswith("attachment; ")
    assert ".webp" in saved_as
    assert saved_as.isprintable()
    assert client.get(f"/r/{JOB}?show").headers["content-disposition"].startswith("inline; ")


def test_head_is_the_same_without_the_file(service: JobService, client: TestClient, tmp_path: Path) -> None:
    finished(service, tmp_path)
    answer = client.head(f"/r/{JOB}")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == str(len(CONTENT))


@pytest.mark.parametrize(
    ("asked", "status", "content"),
    [
        ("bytes=10-19", 206, CONTENT[10:20]),
        ("bytes=10000-", 206, CONTENT[10000:]),
        ("bytes=-5", 206, CONTENT[-5:]),
        ("bytes=10-999999", 206, CONTENT[10:]),
        ("bytes=0-1,4-5", 200, CONTENT),
        ("bytes=" + ",".join(["0-"] * 500), 200, CONTENT),
        ("bytes=999999-", 416, None),
        ("bytes=5-2", 400, None),
        ("nonsense", 400, None),
    ],
)
def test_ranges(
    service: JobService, client: TestClient, tmp_path: Path, asked: str, status: int, content: bytes | None
) -> None:
    finished(service, tmp_path)
    answer = client.get(f"/r/{JOB}", headers={"range": asked})
    assert answer.status_code == status
    assert content is None or answer.content == content
    assert status != 206 or answer.headers["etag"]


def test_what_is_known_is_not_sent_again(service: JobService, client: TestClient, tmp_path: Path) -> None:
    finished(service, tmp_path)
    tag = client.get(f"/r/{JOB}").headers["etag"]
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        answer = client.get(f"/r/{JOB}", headers={"if-none-match": known})
        assert (answer.status_code, answer.content) == (304, b"")
    assert client.get(f"/r/{JOB}", headers={"if-none-match": '"other"'}).status_code == 200
    ranged = {"range": "bytes=0-0", "if-range": '"other"'}
    assert client.get(f"/r/{JOB}", headers=ranged).status_code == 200
    assert client.get(f"/r/{JOB}", headers=ranged | {"if-range": tag}).status_code == 206


def test_what_is_not_there_is_said_in_the_caller_s_way(service: JobService, client: TestClient, tmp_path: Path) -> None:
    answer = client.get("/r/" + "f" * 32)
    assert answer.status_code == 404
    assert answer.json()["error"] == "There is no such job."
    page = client.get("/r/" + "f" * 32, headers={"accept": "text/html,*/*"})
    assert page.status_code == 404
    assert "<p>There is no such job.</p>" in page.text
    for hostile in ("..%2f..%2fetc%2fpasswd", "%00", "<script>", "x" * 5000):
        assert client.get(f"/r/{hostile}").status_code == 404


@pytest.mark.parametrize("how", ["expires", "state", "file"])
def test_what_had_its_day_is_gone(service: JobService, client: TestClient, tmp_path: Path, how: str) -> None:
    cases: dict[str, dict[str, Any]] = {
        "expires": {"expires": time.time() - 1},
        "state": {"state": State.EXPIRED},
        "file": {},
    }
    finished(service, tmp_path, **cases[how])
    if how == "file":
        service.files.delete("out/made")
    answer = client.get(f"/r/{JOB}")
    assert answer.status_code == 410
    assert "deleted" in answer.json()["error"]


def test_a_corrupted_result_is_gone_not_wrong(service: JobService, client: TestClient, tmp_path: Path) -> None:
    finished(service, tmp_path)
    assert client.get(f"/r/{JOB}").status_code == 200
    assert isinstance(service.files, LocalStore)
    path = service.files.local_path("out/made")
    assert path
    path.write_bytes(b"rotten")
    assert client.get(f"/r/{JOB}").status_code == 410


def test_a_job_that_waits_has_no_result_yet(service: JobService, client: TestClient, tmp_path: Path) -> None:
    finished(service, tmp_path, state=State.QUEUED, result_key=None, expires=None)
    answer = client.get(f"/r/{JOB}")
    assert answer.status_code == 404
    assert "This job has no result yet" in answer.json()["error"]


def test_an_archive_of_results_without_those_that_are_not_there(
    service: JobService, client: TestClient, tmp_path: Path
) -> None:
    finished(service, tmp_path)
    answer = client.get(f"/zip?jobs={'1' * 32},{','.join([JOB] * 50)}")
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        (info,) = archive.infolist()
        assert info.filename == 'Übung"-cutout.webp', "without the control characters of the clip's name"
        assert info.compress_type == zipfile.ZIP_STORED
        assert archive.read(info) == CONTENT
    assert client.get("/zip").status_code == 422


def test_deleting_needs_the_token_and_is_at_once(service: JobService, client: TestClient, tmp_path: Path) -> None:
    finished(service, tmp_path)
    assert client.delete(f"/r/{JOB}").status_code == 404
    assert client.delete(f"/r/{JOB}?token=wrong").status_code == 404
    assert client.get(f"/r/{JOB}").status_code == 200
    assert client.delete(f"/r/{JOB}", headers={"authorization": "Bearer token"}).json() == {"deleted": True}
    assert client.get(f"/r/{JOB}").status_code == 410
    assert [service.files.head(key) for key in ("in/clip", "matte/made", "out/made")] == [None] * 3


def test_deleting_takes_gradio_s_copies_too(
    service: JobService, client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "uploads"))
    finished(service, tmp_path)
    copies = [tmp_path / "uploads" / name for name in ("a/clip.mp4", f"results/{JOB}/clip-cutout.webp")]
    other = tmp_path / "uploads" / "b" / "clip.mp4"
    for path in (*copies, other):
        path.parent.mkdir(parents=True)
        path.write_bytes(CONTENT if path in copies else CONTENT[::-1])
    assert client.delete(f"/r/{JOB}?token=wrong").status_code == 404
    assert all(path.exists() for path in copies)
    assert client.delete(f"/r/{JOB}?token=token").status_code == 200
    assert not any(path.exists() for path in copies)
    assert other.exists()


@pytest.mark.parametrize("key", ["in/other", "out/made", "matte/made"])
def test_a_key_is_no_leave(service: JobService, client: TestClient, tmp_path: Path, key: str) -> None:
    finished(service, tmp_path)
    service.files.put("in/other", tmp_path / "made", mime="image/png")
    answer = client.post("/convert", json={"job": JOB, "options": {"background": key}})
    assert answer.status_code in (404, 422)
    page = Page(service, service.settings, tmp_path)
    asker: Any = SimpleNamespace(client=SimpleNamespace(host="10.0.0.1"), headers={})
    with pytest.raises(VimixError):
        page.also(JOB, {"background": key}, asker)


def test_a_short_link_leads_to_the_page(client: TestClient) -> None:
    assert client.get(f"/j/{JOB}").headers["location"] == f"../?job={JOB}"
    assert client.get("/j/x%0d%0aSet-Cookie:1").headers["location"].isprintable()


def test_converting_makes_a_job_that_keeps_what_is_not_named(
    service: JobService, client: TestClient, tmp_path: Path
) -> None:
    finished(service, tmp_path)
    answer = client.post("/convert", json={"job": JOB, "options": {"format": "webm", "width": 64}})
    assert answer.status_code == 200
    made = service.job(answer.json()["job"])
    assert (made.options["format"], made.options["width"], made.matte_key) == ("webm", 64, "matte/made")
    assert client.post("/convert", json={"job": "no"}).status_code == 404


@pytest.mark.parametrize(
    "sent", [b"", b"{", b"[]", b'"x"', b'{"job": 1}', b'{"options": []}', b"\xff\xfe", b"[" * 100_000]
)
@pytest.mark.parametrize("path", ["/convert", "/api/upload-url", "/api/submit"])
def test_bad_json_is_a_sentence(client: TestClient, path: str, sent: bytes) -> None:
    answer = client.post(path, content=sent, headers={"content-type": "application/json"})
    assert answer.status_code in (404, 422)
    assert answer.json()["error"].endswith(".")


def test_options_that_do_not_exist_are_named(service: JobService, client: TestClient, tmp_path: Path) -> None:
    finished(service, tmp_path)
    answer = client.post("/convert", json={"job": JOB, "options": {"format": "exe", "wdith": 3}})
    assert answer.status_code == 422
    assert "format" in answer.json()["error"]
    assert "wdith" in answer.json()["error"]


def test_without_a_bucket_uploads_go_through_the_app(client: TestClient) -> None:
    leave = client.post("/api/upload-url", json={"bytes": 1000, "mime": "video/mp4"}).json()
    assert leave["method"] == "PUT"
    assert client.put(leave["url"], content=b"v" * 1001, headers=leave["headers"]).status_code == 422
    assert client.put(leave["url"], content=b"v" * 999, headers=leave["headers"]).status_code == 422
    assert client.put(leave["url"].replace("bytes=1000", "bytes=999"), content=b"v" * 999).status_code == 404
    assert client.put(leave["url"].replace("until=1", "until=2"), content=b"v" * 1000).status_code == 404
    assert client.put(leave["url"], content=b"v" * 1000, headers=leave["headers"]).json() == {"key": leave["key"]}
    ticket = client.post("/api/submit", json={"key": leave["key"], "name": "a.mp4"}).json()
    assert client.get(f"/api/status/{ticket['job']}").json()["state"] == "queued"
    assert client.post("/api/cancel", json={"job": ticket["job"], "token": "another"}).status_code == 404
    assert client.post("/api/cancel", json=ticket).json()["state"] == "cancelled"
    with client.stream("GET", f"/api/watch/{ticket['job']}") as stream:
        (last,) = [json.loads(line[6:]) for line in stream.iter_lines() if line.startswith("data: ")]
    assert last["state"] == "cancelled"
    assert client.get("/api/watch/none").status_code == 404
    assert client.post("/api/submit", json={"key": leave["key"]}).status_code == 404  # it was taken
    assert client.post("/api/upload-url", json={"bytes": 2 << 20, "mime": "video/mp4"}).status_code == 413
    assert client.post("/api/upload-url", json={"bytes": 10, "mime": "text/html"}).status_code == 422


def test_an_address_to_be_told_comes_with_the_job_or_is_refused(
    service: JobService, client: TestClient, tmp_path: Path
) -> None:
    finished(service, tmp_path)
    asked = {"job": JOB, "options": {"format": "gif"}, "notify": "https://a.example/told"}
    refused = client.post("/convert", json=asked)
    assert refused.status_code == 422
    assert "VIMIX_WEBHOOK_SECRET" in refused.json()["error"]
    service.settings.__dict__["webhook_secret"] = SecretStr("whsec_YQ==")
    job = service.job(client.post("/convert", json=asked).json()["job"])
    assert (job.notify, job.notify_at) == ("https://a.example/told", 0.0)
    leave = client.post("/api/upload-url", json={"bytes": 9, "mime": "video/mp4"}).json()
    client.put(leave["url"], content=b"v" * 9, headers=leave["headers"])
    ticket = client.post("/api/submit", json={"key": leave["key"], "notify": "https://b.example"}).json()
    assert service.job(ticket["job"]).notify == "https://b.example"
    assert client.post("/convert", json={**asked, "notify": "javascript:alert(1)"}).status_code == 422


def test_a_visitor_watches_only_so_many_jobs(
    service: JobService, client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished(service, tmp_path)
    monkeypatch.setattr(rate_limit, "STREAMS_PER_VISITOR", 2)
    rate_limit.streams.cache_clear()
    for _ in range(5):  # one after the other are never too many
        assert client.get(f"/api/watch/{JOB}").status_code == 200
    shares = rate_limit.streams()
    (visitor,) = {
        rate_limit.visitor_of(Request({"type": "http", "client": ("testclient", 1), "headers": []}), service.settings)
    }
    with shares.one(visitor), shares.one(visitor):
        refused = client.get(f"/api/watch/{JOB}")
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "5")
    assert client.get(f"/api/watch/{JOB}").status_code == 200
    rate_limit.streams.cache_clear()


def in_bucket(settings: Settings) -> Settings:
    bucket = {"s3_bucket": swift.bucket(), "s3_endpoint": swift.endpoint()}
    keys = {"s3_access_key": SecretStr(swift.KEY), "s3_secret_key": SecretStr(swift.SECRET)}
    return settings.model_copy(update=bucket | keys)


@pytest.mark.s3
def test_with_a_bucket_a_result_is_a_link_that_ends_with_the_job(settings: Settings, tmp_path: Path) -> None:
    service = open_service(in_bucket(settings), workers=0)
    finished(service, tmp_path, expires=time.time() + 90)
    client = client_of(service)
    answer = client.get(f"/r/{JOB}")
    assert answer.status_code == 302
    assert answer.headers["cache-control"] == "no-store"
    url = httpx.URL(answer.headers["location"])
    assert 80 < int(url.params["X-Amz-Expires"]) <= 90
    got = httpx.get(url)
    assert got.content == CONTENT
    assert ".webp" in got.headers["content-disposition"]
    assert client.head(f"/r/{JOB}").headers["content-length"] == str(len(CONTENT))
    assert url.host in client.get("/healthz").headers["content-security-policy"]
    service.jobs.close()


@pytest.mark.s3
def test_with_a_bucket_an_upload_goes_past_the_app(settings: Settings) -> None:
    service = open_service(in_bucket(settings), workers=0)
    client = client_of(service)
    leave = client.post("/api/upload-url", json={"bytes": 5000, "mime": "video/mp4"}).json()
    assert client.post("/api/submit", json={"key": leave["key"]}).status_code == 404
    assert httpx.put(leave["url"], content=b"v" * 6000, headers={"Content-Type": "video/mp4"}).status_code == 403
    assert httpx.put(leave["url"], content=b"v" * 5000, headers=leave["headers"]).status_code == 200
    ticket = client.post(
        "/api/submit", json={"key": leave["key"], "name": "a.mp4", "options": {"format": "webm"}}
    ).json()
    job = service.job(ticket["job"])
    assert (job.state, job.input_name, job.options["format"]) == (State.QUEUED, "a.mp4", "webm")
    assert job.input_key == "in/" + hashlib.sha256(b"v" * 5000).hexdigest()
    assert service.files.head(leave["key"]) is None
    assert client.post("/api/submit", json={"key": "in/" + "0" * 64}).status_code == 404
    service.jobs.close()


def test_alive_and_ready_are_two_things(service: JobService, client: TestClient) -> None:
    assert client.get("/healthz").json()["ok"]
    answer = client.get("/readyz")
    assert answer.status_code == 503
    checks = answer.json()["checks"]
    assert "no worker" in checks.pop("queue")
    assert checks == {"store": "ok", "model": "ok", "device": "ok", "disk": "ok"}
    service.jobs.announce("pool", 2, now=time.time())
    assert client_of(service).get("/readyz").json()["ready"]


@pytest.mark.parametrize("name", ["modal", "workers_on_demand"])
def test_capacity_that_can_be_woken_counts(service: JobService, settings: Settings, name: str) -> None:
    on_demand = settings.model_copy(update={name: True})
    checks = health.checks_of(service, on_demand)
    checks["queue"]()
    with pytest.raises(health.NotReady, match="no worker"):
        health.checks_of(service, settings)["queue"]()


def test_not_ready_names_what_is_missing(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    service = open_service(settings.model_copy(update={"device": "cuda"}), workers=1)
    monkeypatch.setattr("vimix.web.ops.health.free_bytes", lambda folder: 5 << 20)
    checks = client_of(service).get("/readyz").json()["checks"]
    assert "models --fetch" in checks["model"]
    assert checks["disk"] == "5 MB are left on the disk"
    assert checks["device"] == "ok" if Path("/dev/nvidiactl").exists() else "NVIDIA" in checks["device"]
    service.jobs.close()


def test_ready_says_what_networks_run_on_and_why(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vimix.web.ops.health._nvidia", lambda: "")
    service = open_service(settings, workers=1)
    assert "not chosen yet" in client_of(service).get("/readyz").json()["device"]["why"]
    found = runtime.Choice("openvino", "bf16", "CPU time of a run: 446 ms", 0.4, machine())
    book = settings.model_dir / "compiled" / "isnet-general-use-768-768.json"
    book.parent.mkdir(parents=True)
    book.write_text(json.dumps(asdict(found)))
    told = client_of(service).get("/readyz").json()["device"]
    assert (told["ok"], told["runtime"], told["precision"]) == (True, "openvino", "bf16")
    assert told["why"].endswith("446 ms")
    assert told["device"]
    book.write_text(json.dumps(asdict(replace(found, machine="Another, 4 cores"))))
    assert "not chosen yet" in client_of(service).get("/readyz").json()["device"]["why"]
    monkeypatch.setattr("vimix.web.ops.health._nvidia", lambda: "NVIDIA L4")
    assert client_of(service).get("/readyz").json()["device"]["device"] == "NVIDIA L4"
    service.jobs.close()


def test_figures_speak_of_jobs_stages_and_refusals(
    service: JobService, client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = {"model": "isnet", "timings": {"engine": 2.0, "total": 3.0}, "frames_per_second": 12.5, "cached": None}
    card |= {"gpu": {"batches": 20, "pictures": 50, "seconds": 1.5}}
    finished(service, tmp_path, card=card)
    monkeypatch.setattr("vimix.web.ops.health.LATEST", 0)
    for _ in range(2):
        text = client.get("/metrics").text
    assert 'vimix_jobs{state="done"} 1.0' in text
    monkeypatch.setattr(service.jobs, "listed", lambda *_, **__: pytest.fail("ended jobs are read again"))
    finished(service, tmp_path, id="f" * 32, card={**card, "cached": "result"})
    assert 'vimix_jobs{state="done"} 2.0' in client.get("/metrics").text
    assert 'vimix_stage_seconds_bucket{le="3.0",stage="engine"} 1.0' in text
    assert 'vimix_stage_seconds_bucket{le="1.0",stage="engine"} 0.0' in text
    assert 'vimix_stage_seconds_count{stage="engine"} 1.0' in text
    assert 'vimix_frames_per_second_sum{model="isnet"} 12.5' in text
    assert "vimix_gpu_batches_total 20.0" in text
    assert "vimix_gpu_pictures_total 50.0" in text
    assert "vimix_gpu_seconds_total 1.5" in text
    assert "vimix_gpu_batch_size 2.5" in text
    for name in ("vimix_queue_age_seconds", "vimix_slots", "vimix_store_errors_total", "vimix_refused_total"):
        assert f"# TYPE {name.removesuffix('_total')}" in text
    client.get("/gradio_api/file=http://example.org/")
    assert 'vimix_refused_total{reason="proxy"}' in client.get("/metrics").text


def test_asking_for_health_costs_nothing(service: JobService, client: TestClient) -> None:
    async def many() -> list[int]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(client.app), base_url="http://x") as http:
            return [answer.status_code for answer in await asyncio.gather(*(http.get("/readyz") for _ in range(100)))]

    began = time.monotonic()
    assert set(asyncio.run(many())) == {503}
    assert time.monotonic() - began < 10
