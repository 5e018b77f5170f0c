"""Requests that stumble where nobody looked, through the real server: each ends in a status and a sentence."""

import json
from collections.abc import Iterator

import httpx
import pytest

from tests.hostile.test_api_fuzz import AS_JSON, TELLS, call
from tests.web.served import serving

JOB = "0123456789abcdef" * 2


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with (
        serving(tmp_path_factory.mktemp("odd"), "real", VIMIX_WORKERS="0") as address,
        httpx.Client(base_url=address, timeout=60) as client,
    ):
        yield client


def is_said(answer: httpx.Response) -> None:
    assert 400 <= answer.status_code < 500, answer.text
    assert not TELLS.search(answer.text)


@pytest.mark.parametrize("path", ["convert", "api/submit", "api/upload-url", "gradio_api/queue/join"])
def test_a_lone_surrogate_is_no_fault_of_ours(http: httpx.Client, path: str) -> None:
    odd = {"job": "\ud800", "key": "\udfff", "name": "\ud800.mp4", "mime": "\ud800", "options": {"format": "\ud800"}}
    is_said(http.post(path, content=json.dumps(odd), headers=AS_JSON))
    assert http.get("r/%ed%a0%80").status_code == 404


@pytest.mark.parametrize("name", ["submit", "status", "watch", "convert", "cancel"])
def test_nor_is_one_in_a_call(http: httpx.Client, name: str) -> None:
    status, told = call(http, name, {"job": "\ud800", "token": "\ud800", "clip": {"path": "\ud800"}})
    assert status < 500
    assert not TELLS.search(told)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b"--x--"),
        ("multipart/form-data; boundary=", b"--x--"),
        ("multipart/form-data; boundary=x", b"nothing of it"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition\r\n\r\nv\r\n--x--"),
        ("multipart/form-data; boundary=x", b"--x\r\n" + b"A: b\r\n" * 5000 + b"\r\nv\r\n--x--"),
        ("text/plain", b"v"),
    ],
)
def test_a_malformed_upload_is_said_to_be(http: httpx.Client, kind: str, body: bytes) -> None:
    is_said(http.post("gradio_api/upload", content=body, headers={"content-type": kind}))


@pytest.mark.parametrize("path", ["r/", "j/", "api/status/", "api/up/", "gradio_api/file=", "examples/", "nothing/"])
@pytest.mark.parametrize("odd", ["x" * 6000, "x/" * 3000, "%00", "%ff%fe", "..%2f" * 500], ids=range(5))
def test_an_overlong_or_odd_path_is_not_found(http: httpx.Client, path: str, odd: str) -> None:
    answer = http.get(path + odd)
    assert answer.status_code < 500, answer.text
    assert not TELLS.search(answer.text)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": 3, "arguments": []}},
        {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "submit", "arguments": {"clip": [1]}}},
        {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "status", "arguments": {"job": {}}}},
        {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "nothing", "arguments": {}}},
    ],
    ids=range(5),
)
def test_mcp_tells_nothing_of_its_library(http: httpx.Client, body: object) -> None:
    accept = {"accept": "application/json, text/event-stream"}
    answer = http.post("gradio_api/mcp/", json=body, headers=accept)
    assert answer.status_code < 500
    assert not TELLS.search(answer.text), answer.text


def test_an_archive_of_one_job_fifty_times_asks_once(http: httpx.Client) -> None:
    answer = http.get("zip", params={"jobs": ",".join([JOB] * 50)})
    assert (answer.status_code, len(answer.content)) == (200, 22)  # an archive of nothing
