"""What an operator reads: each line of a served page is JSON, each request and each job's start and end is one."""

import json
import time
from pathlib import Path

import httpx

from tests.web.drawn import draw
from tests.web.test_server import running


def test_every_line_is_json_and_jobs_and_requests_are_among_them(tmp_path: Path) -> None:
    with running(tmp_path, VIMIX_DEVCE="cpu") as (address, process), httpx.Client(base_url=address, timeout=60) as http:
        body = draw(tmp_path / "secret name.mp4", seconds=1.0).read_bytes()
        leave = http.post("/api/upload-url", json={"bytes": len(body), "mime": "video/mp4"}).json()
        http.put(leave["url"], content=body)
        asked = {"key": leave["key"], "name": "secret name.mp4", "options": {"model": "chroma", "width": 64}}
        job = http.post("/api/submit", json=asked).json()["job"]
        until = time.monotonic() + 60
        while http.get(f"/api/status/{job}").json()["state"] in ("queued", "running"):
            assert time.monotonic() < until
            time.sleep(0.1)
        http.get("/gradio_api/file=/etc/secret name")
        http.post("/gradio_api/run/predict", json={"data": None})  # a bad call
        http.post("/gradio_api/call/result", json={"data": ["nothing"]})
        time.sleep(0.5)
        process.terminate()
        said, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    lines = [json.loads(line) for line in said.splitlines()]
    messages = [line["message"] for line in lines]
    assert any("VIMIX_DEVICE is one" in message for message in messages)
    assert any(message.startswith("POST /api/submit: 200 in ") for message in messages)
    assert any(message.startswith("GET /gradio_api/file=[upload]: 4") for message in messages)
    of_job = [line["message"] for line in lines if line.get("job") == job and "job " in line["message"]]
    assert [message.split(": ")[1].split(",")[0].split(" in")[0] for message in of_job] == ["started", "done"]
    assert not any("/healthz" in message for message in messages)
    assert "secret name" not in said
    assert leave["key"] not in said
