"""Spans of jobs, as a receiver of OpenTelemetry's protocol gets them."""

import os
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Status

ROOT = Path(__file__).parents[2]
JOB = "0123456789abcdef" * 2
ENDS = f"""
import logging, sys
from vimix.jobs import job_log
from vimix.jobs.model import Job
logging.basicConfig()
job = Job("{JOB}", "", {{}}, "in/a", "secret name.mp4", "", "", "someone", 1000.0, 1000.0, started=1002.5, attempts=1)
job_log.lost(job, "It went offline.", "cause")
card = {{"model": "m", "timings": {{"engine": 2.0}}, "output": {{"frames": 25, "bytes": 999, "format": "webp"}}}}
job_log.done(job, card, 9.0)
job_log.handed_back(job, 9.0)
print(*sorted({{name.partition(".")[0] for name in sys.modules}}))
"""


@pytest.fixture
def receiver() -> Iterator[tuple[str, list[bytes]]]:
    """Its address, and the bodies that came to the path of traces."""
    bodies = list[bytes]()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", bodies
    server.shutdown()
    server.server_close()


def ended(**variables: str) -> "subprocess.CompletedProcess[str]":
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    plain = clean | {"OTEL_EXPORTER_OTLP_COMPRESSION": "none", "NO_PROXY": "127.0.0.1"} | variables
    return subprocess.run([sys.executable, "-c", ENDS], env=plain, cwd=ROOT, capture_output=True, text=True, check=True)


def test_each_attempt_is_a_span_of_the_jobs_trace(receiver: tuple[str, list[bytes]]) -> None:
    address, bodies = receiver
    ended(OTEL_EXPORTER_OTLP_ENDPOINT=address, OTEL_SERVICE_NAME="workers")
    assert not [body for body in bodies if b"secret name" in body or b"someone" in body]
    resources = [kept for body in bodies for kept in ExportTraceServiceRequest.FromString(body).resource_spans]
    names = {pair.key: pair.value.string_value for kept in resources for pair in kept.resource.attributes}
    assert names["service.name"] == "workers"
    lost, done, back = (span for kept in resources for scope in kept.scope_spans for span in scope.spans)
    assert {span.trace_id.hex() for span in (lost, done, back)} == {JOB}
    assert {span.start_time_unix_nano for span in (lost, done, back)} == {1002_500_000_000}
    assert (lost.status.code, lost.status.message) == (Status.STATUS_CODE_ERROR, "It went offline.")
    assert done.status.code == Status.STATUS_CODE_UNSET
    figures = {pair.key: pair.value for pair in done.attributes}
    assert figures["vimix.outcome"].string_value == "done"
    assert figures["vimix.frames"].int_value == 25
    assert figures["vimix.waited_seconds"].double_value == 2.5
    assert figures["vimix.seconds.engine"].double_value == 2.0


def test_without_a_receiver_nothing_is_loaded() -> None:
    assert "opentelemetry" not in ended().stdout.split()


def test_a_missing_library_is_said_and_ends_no_job(tmp_path: Path) -> None:
    (tmp_path / "opentelemetry").mkdir()
    (tmp_path / "opentelemetry" / "__init__.py").write_text("")
    done = ended(OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9", PYTHONPATH=str(tmp_path))
    assert done.stderr.count("install opentelemetry-sdk") == 1
