"""What only a bucket has: signed links, a wire that breaks, rules. Moto answers where Swift cannot."""

import logging
import os
import traceback
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from moto.server import ThreadedMotoServer

from tests.stores import swift
from tests.stores.wire import Wire, wire
from vimix.errors import NotFound, StoreError
from vimix.stores import FOLDERS
from vimix.stores.s3 import S3Store

WEBP = "image/webp"


@pytest.fixture(scope="module", autouse=True)
def _server_ends() -> Iterator[None]:
    yield
    swift.stop()


@pytest.fixture
def bucket() -> str:
    return swift.bucket()


@pytest.fixture
def line() -> Iterator[Wire]:
    with wire(swift.endpoint()) as line:
        yield line


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "clip"
    path.write_bytes(os.urandom(300_000))
    return path


pytestmark = pytest.mark.s3


@pytest.mark.parametrize(
    "name", ["cat.webp", 'a"; filename="evil.exe', "a\r\nX: 1", "Übung 猫 %22.webm", "../../x.mov"]
)
def test_a_link_gives_the_file_under_a_safe_name(bucket: str, file: Path, name: str) -> None:
    store = swift.store(bucket)
    store.put("out/a", file, mime="video/webm")
    answer = httpx.get(str(store.url("out/a", seconds=60, name=name)))
    assert answer.status_code == 200
    assert answer.content == file.read_bytes()
    assert answer.headers["content-type"] == "video/webm"
    saved_as = answer.headers["content-disposition"]
    assert saved_as.startswith("attachment; filename=")
    assert saved_as.count('"') == 2
    assert "evil.exe" not in saved_as.split('"')[2].replace("_filename%3D_evil.exe", "").replace("evil.exe", "", 1)
    assert "x" not in answer.headers


def test_a_link_ends_and_opens_nothing_else(bucket: str, file: Path) -> None:
    store = swift.store(bucket)
    store.put("out/a", file, mime=WEBP)
    store.put("out/b", file, mime=WEBP)
    url = str(store.url("out/a", seconds=1, name="a.webp"))
    assert httpx.get(url.replace("out/a", "out/b")).status_code == 403
    assert httpx.get(url.replace("a.webp", "b.html")).status_code == 403
    for _ in range(100):
        if (status := httpx.get(url).status_code) != 200:
            break
    assert status == 403


def test_an_upload_has_exactly_the_promised_length_and_type(bucket: str, tmp_path: Path) -> None:
    store = swift.store(bucket)
    leave = store.upload_url("up/a", bytes=5000, mime="video/mp4", seconds=60)
    assert leave
    assert httpx.put(leave.url, content=b"y" * 9000, headers={"Content-Type": "video/mp4"}).status_code == 403
    assert httpx.put(leave.url, content=b"y" * 5000, headers={"Content-Type": "text/html"}).status_code == 403
    assert store.head("up/a") is None
    assert httpx.put(leave.url, content=b"y" * 5000, headers=leave.headers).status_code == 200
    assert store.fetch("up/a", tmp_path / "got").bytes == 5000


def test_a_broken_wire_is_tried_again(bucket: str, line: Wire, file: Path, tmp_path: Path) -> None:
    store = swift.store(bucket, line.url)
    line.plan = ["503", "swallow:1000", "503"]
    store.put("out/a", file, mime=WEBP)
    assert swift.store(bucket).fetch("out/a", tmp_path / "got").bytes == 300_000
    again = swift.store(bucket, line.url)
    line.plan = ["cut:100000", "503", "cut:100000"]
    again.fetch("out/a", tmp_path / "got")
    assert (tmp_path / "got").read_bytes() == file.read_bytes()
    assert line.plan == []


@pytest.mark.parametrize("plan", ["503", "cut:5000", "swallow:3000", "hang"])
def test_a_wire_that_stays_broken_is_said_and_leaves_nothing(
    bucket: str, line: Wire, file: Path, tmp_path: Path, plan: str
) -> None:
    swift.store(bucket).put("out/a", file, mime=WEBP)
    store = swift.store(bucket, line.url, timeout=0.3, tries=2)
    line.plan = [plan] * 20
    with pytest.raises(StoreError, match="Please try again") as caught:
        store.put("out/b", file, mime=WEBP) if plan[:4] == "swal" else store.fetch("out/a", tmp_path / "got")
    assert caught.value.retryable
    line.plan = [plan] * 20
    if not plan.startswith("cut"):
        with pytest.raises(StoreError):
            store.put("out/b", file, mime=WEBP)
    line.plan = []
    assert swift.store(bucket).head("out/b") is None
    assert [path.name for path in tmp_path.iterdir()] == ["clip"]


def test_a_large_upload_that_breaks_is_taken_back(bucket: str, line: Wire, file: Path, tmp_path: Path) -> None:
    with file.open("wb") as big:
        big.truncate(20 << 20)
    swift.store(bucket).put("out/a", file, mime=WEBP)
    assert swift.store(bucket).fetch("out/a", tmp_path / "got").bytes == 20 << 20
    store = swift.store(bucket, line.url, timeout=5, tries=1)
    line.plan = ["", "swallow:500000"]  # one connection for the beginning, another for one part of two
    with pytest.raises(StoreError):
        store.put("out/b", file, mime=WEBP)
    assert swift.store(bucket).head("out/b") is None
    assert "Uploads" not in swift.raw().list_multipart_uploads(Bucket=bucket)


def test_a_wrong_key_is_a_clear_error_without_the_key(
    bucket: str, file: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    planted = "PLANTED-SECRET-4711"
    store = swift.store(bucket, secret=planted)
    with caplog.at_level(logging.INFO), pytest.raises(StoreError, match="its keys") as caught:
        store.put("out/a", file, mime=WEBP)
    assert not caught.value.retryable
    said = "".join(traceback.format_exception(caught.value)) + caplog.text + repr(store)
    assert planted not in said
    assert "Signature=" not in said
    with pytest.raises(StoreError, match="cannot be reached"):
        swift.store(bucket, "http://127.0.0.1:9", tries=1).fetch("out/a", tmp_path / "got")
    with pytest.raises(StoreError, match="not set up"):
        swift.store("nobucket").put("out/a", file, mime=WEBP)


def test_parts_of_a_dead_upload_are_swept(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    swift.raw().create_multipart_upload(Bucket=bucket, Key="in/dead")
    swift.store(bucket).sweep(older_than=-3600)
    assert "Uploads" in swift.raw().list_multipart_uploads(Bucket=bucket), "an hour of grace, whatever is asked"
    monkeypatch.setattr("vimix.stores.s3._GRACE", -3600)
    swift.store(bucket).sweep(older_than=-3600)
    assert "Uploads" not in swift.raw().list_multipart_uploads(Bucket=bucket)


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def made(moto: str, name: str) -> S3Store:
    swift.raw(moto).create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "auto"})
    return swift.store(name, moto)


def test_the_rules_are_set_and_those_of_others_stay(moto: str) -> None:
    store, client = made(moto, "rules"), swift.raw(moto)
    theirs = {"ID": "theirs", "Status": "Enabled", "Filter": {"Prefix": "logs/"}, "Expiration": {"Days": 90}}
    client.put_bucket_lifecycle_configuration(Bucket="rules", LifecycleConfiguration={"Rules": [theirs]})
    for _ in range(2):
        store.install_rule(1.5, ["https://example.org"])
    rules = client.get_bucket_lifecycle_configuration(Bucket="rules")["Rules"]
    assert [rule["ID"] for rule in rules] == ["theirs", *(f"vimix-{folder}" for folder in FOLDERS)]
    assert {rule["Expiration"]["Days"] for rule in rules[1:]} == {2}
    assert all(rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1} for rule in rules[1:])
    (cors,) = client.get_bucket_cors(Bucket="rules")["CORSRules"]
    assert cors["AllowedOrigins"] == ["https://example.org"]
    assert "PUT" in cors["AllowedMethods"]


def test_a_server_without_rules_is_a_clear_error(bucket: str) -> None:
    with pytest.raises(StoreError):
        swift.store(bucket).install_rule(1)


def test_more_than_a_page_is_swept_and_the_rest_of_the_bucket_is_not_ours(moto: str) -> None:
    store, client = made(moto, "pages"), swift.raw(moto)
    for key in (f"out/{number:04}" for number in range(1005)):
        client.put_object(Bucket="pages", Key=key, Body=b"1")
    client.put_object(Bucket="pages", Key="somebody/else", Body=b"1")
    assert store.sweep(older_than=-60, keep={"out/0500", "out/1004"}) == 1003
    assert [entry["Key"] for entry in client.list_objects_v2(Bucket="pages")["Contents"]] == [
        "out/0500", "out/1004", "somebody/else",
    ]  # fmt: skip
    with pytest.raises(NotFound):
        store.put("somebody/else", Path(__file__), mime=WEBP)
