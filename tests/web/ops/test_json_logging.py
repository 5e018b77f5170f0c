"""What the logs never say, planted and looked for."""

import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from tests.stores import swift
from tests.web.served import ROOT, serving
from vimix.settings import Settings
from vimix.stores import open_store
from vimix.web.ops import json_logging

PLANTED = "PLANTED/se cret+4711"
JOB = "0123456789abcdef" * 2


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        data_dir=tmp_path,
        s3_secret_key=SecretStr(PLANTED),
        s3_access_key=SecretStr("PLANTEDKEY"),
        redis_url=SecretStr("redis://user:PLANTEDWORD@cache:6379/0"),
    )


@pytest.fixture
def said(settings: Settings) -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    stream = io.StringIO()
    json_logging.configure(settings, stream)
    yield stream
    root.handlers[:], root.level = before, level
    logging.getLogger("vimix").setLevel(logging.NOTSET)


def test_a_line_is_json_with_the_job(said: io.StringIO) -> None:
    logging.getLogger("vimix.jobs").info("job %s: attempt %d lost", JOB, 2)
    (line,) = map(json.loads, said.getvalue().splitlines())
    assert (line["level"], line["logger"], line["job"]) == ("info", "vimix.jobs", JOB)
    assert line["message"].endswith("attempt 2 lost")


def test_secrets_addresses_and_names_are_taken_out_wherever_they_are(said: io.StringIO, tmp_path: Path) -> None:
    log = logging.getLogger("uvicorn.error")
    log.warning("redis at redis://user:PLANTEDWORD@cache:6379/0 and PLANTEDWORD, key=%s", PLANTED)
    log.warning("https://s3/x?X-Amz-Credential=PLANTEDKEY%%2Fauto&X-Amz-Signature=abcdef0123&x=1 /r/1?token=tok3n")
    log.warning("from 203.0.113.7:5000 and 2001:db8:1:2::17, not 127.0.0.1 at 12:30:05")
    sentence = f"PLANTED%2Fse%20cret%2B4711 in '{tmp_path}/uploads/ab12/My Holiday.mp4'"
    try:
        raise OSError(sentence)
    except OSError:
        log.exception("broke")
    text = said.getvalue()
    for never in ("PLANTED", "abcdef0123", "tok3n", "203.0.113.7", "2001:db8", "Holiday"):
        assert never not in text
    for still in ("127.0.0.1", "12:30:05", "[secret]", "[address]", "[upload]", "OSError", "x=1"):
        assert still in text
    assert all(json.loads(line) for line in text.splitlines())


def test_the_talkative_are_quiet(said: io.StringIO) -> None:
    logging.getLogger("botocore.auth").debug("StringToSign %s", PLANTED)
    logging.getLogger("httpx").info("GET https://s3/?X-Amz-Signature=1")
    assert said.getvalue() == ""


@pytest.mark.s3
def test_a_bucket_that_refuses_tells_the_log_nothing_secret(said: io.StringIO, tmp_path: Path) -> None:
    store = open_store(
        folder=tmp_path, bucket=swift.bucket(), endpoint=swift.endpoint(), access_key=swift.KEY, secret_key="PLANTED"
    )
    try:
        store.head("out/a")
    except Exception:
        logging.getLogger("vimix").exception("it failed")
    swift.stop()
    assert "403" in said.getvalue()
    assert "PLANTED" not in said.getvalue()


def test_a_served_page_keeps_secrets_out_of_its_log(tmp_path: Path) -> None:
    with serving(tmp_path, S3_SECRET_KEY="PLANTED-4711", REDIS_URL="redis://:PLANTED-4712@x") as url:
        httpx.get(f"{url}r/{JOB}?token=PLANTED-4713", headers={"x-forwarded-for": "203.0.113.7"})
        httpx.post(f"{url}gradio_api/queue/join", content=b'{"PLANTED-4714')
    log = (tmp_path / "server.log").read_text()
    assert "PLANTED" not in log
    assert "203.0.113.7" not in log


def test_output_of_libraries_is_json_too(tmp_path: Path) -> None:
    code = (
        "import sys, threading, warnings\n"
        "from vimix.settings import Settings\n"
        "from vimix.web.ops import json_logging\n"
        "json_logging.configure(Settings()); json_logging.capture_output()\n"
        "print('one'); warnings.warn('two'); print('\\x1b[31mthree\\r{\"level\": 1}\\x85', file=sys.stderr)\n"
        "worker = threading.Thread(target=lambda: 1 / 0); worker.start(); worker.join()\n"
        "raise ValueError('four 203.0.113.7')\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    lines = [json.loads(line) for line in ended.stderr.splitlines()]
    said = "\n".join(line["message"] for line in lines)
    assert ended.stdout == ""
    for word in ("one", "two", "three", "ZeroDivisionError", "four [address]"):
        assert word in said
    assert not any(letter in said for letter in "\x1b\r\x85")
