"""The public endpoints, called as people call them: the Python client, plain HTTP, and MCP."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from tests.web.drawn import draw, fated

ENDPOINTS = {"remove_background", "submit", "watch", "status", "result", "cancel", "preview", "convert", "models"}


@pytest.fixture(scope="module")
def client(page: str) -> Iterator[Client]:
    client = Client(page, verbose=False, download_files=False)
    yield client
    client.close()


def post(url: str, asked: object) -> tuple[int, Any]:
    request = urllib.request.Request(
        url, json.dumps(asked).encode(), {"Content-Type": "application/json"}, method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_the_endpoints_are_those_of_the_contract(client: Client) -> None:
    found = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert set(found) == {f"/{name}" for name in ENDPOINTS}
    options = [row["parameter_name"] for row in found["/submit"]["parameters"]]
    assert options[:4] == ["clip", "background_file", "model", "quality"]
    assert options[-1] == "notify"
    assert {"format", "fps", "width", "point", "steady", "fit", "invert"} <= set(options)


def test_one_call_gives_the_file_and_its_card_with_progress_on_the_way(client: Client, clip: Path) -> None:
    call = client.submit(handle_file(str(clip)), quality="fast", api_name="/remove_background")
    seen = [progress for *_, progress in [(card, card) for _, card in call]]
    file, card = call.outputs()[-1]
    assert str(file["path"] if isinstance(file, dict) else file).endswith("clip-cutout.webp")
    assert card["output"]["alpha"]
    assert [each["done"] for each in seen[:-1]] == sorted(each["done"] for each in seen[:-1])
    assert len(seen) > 2


def test_submit_watch_status_result_convert(client: Client, clip: Path) -> None:
    ticket = client.predict(handle_file(str(clip)), api_name="/submit")
    assert set(ticket) == {"job", "token", "cached"}
    told = list(client.submit(ticket["job"], api_name="/watch"))
    assert told[-1]["state"] == "done"
    assert told[-1]["card"]
    assert client.predict(ticket["job"], api_name="/status")["state"] == "done"
    result = client.predict(ticket["job"], api_name="/result")
    assert result["mime"] == "image/webp"
    with urllib.request.urlopen(result["url"], timeout=20) as answer:
        assert len(answer.read()) == result["bytes"]
    other = client.predict(ticket["job"], format="gif", api_name="/convert")
    assert other["job"] != ticket["job"]


def test_an_address_to_be_told_is_refused_where_nothing_signs(client: Client, clip: Path) -> None:
    with pytest.raises(AppError, match="VIMIX_WEBHOOK_SECRET"):
        client.predict(handle_file(str(clip)), notify="https://a.example", api_name="/submit")


def test_cancel_needs_the_token_and_leaves_what_was_done(client: Client, clip: Path, tmp_path: Path) -> None:
    slow = fated(clip, tmp_path / "slow.mp4", "slow")
    ticket = client.predict(handle_file(str(slow)), api_name="/submit")
    with pytest.raises(AppError, match="no such"):
        client.predict(ticket["job"], "wrong", api_name="/cancel")
    coming = client.submit(ticket["job"], api_name="/watch")
    assert next(each for each in coming if each["done"])["state"] == "running"
    assert client.predict(ticket["job"], ticket["token"], api_name="/cancel")["state"] == "cancelled"
    assert list(coming)[-1]["partial"]
    assert client.predict(ticket["job"], api_name="/result")["url"]


def test_faults_are_one_sentence(client: Client, clip: Path) -> None:
    with pytest.raises(AppError, match="width: Input should be greater than or equal to 16"):
        client.predict(handle_file(str(clip)), width="7", api_name="/submit")
    with pytest.raises(AppError, match="no such"):
        client.predict("0" * 32, api_name="/status")


def test_a_preview_says_what_the_run_will_take(client: Client, tmp_path: Path) -> None:
    clip = draw(tmp_path / "green.mp4", wall=(20, 176, 72))
    told = client.predict(handle_file(str(clip)), 0.5, ["fast"], api_name="/preview")
    (look,) = told["looks"]
    assert look["seconds"] > 0
    assert look["bytes"] > 0
    assert told["quota"] == {"jobs_left": None, "jobs_per_hour": None}  # no limit where none is set
    with pytest.raises(AppError, match="is not x,y"):
        client.predict(handle_file(str(clip)), 0.5, "fast", "there", api_name="/preview")


def test_models_are_listed(client: Client) -> None:
    assert "isnet-general-use" in {row["name"] for row in client.predict(api_name="/models")}


@pytest.mark.parametrize("path", ["/etc/passwd", "../../../../etc/passwd", "http://127.0.0.1:1/x.mp4", "app.py"])
def test_no_path_of_the_server_is_read(page: str, path: str) -> None:
    clip = {"path": path, "meta": {"_type": "gradio.FileData"}}
    for name in ("submit", "remove_background", "preview"):
        status, answer = post(f"{page}gradio_api/call/v2/{name}", {"clip": clip})
        if status == 200:
            with urllib.request.urlopen(f"{page}gradio_api/call/{name}/{answer['event_id']}", timeout=20) as stream:
                said = stream.read().decode()
            assert "event: error" in said
            assert "root:" not in said
    config = json.loads(urllib.request.urlopen(f"{page}config", timeout=20).read())
    (app,) = (part["id"] for part in config["components"] if part["props"].get("elem_id") == "vx-app")
    for question in ("clip_film", "trial"):
        asked = {"data": {"path": path}, "component_id": app, "fn_name": question, "session_hash": "s"}
        status, answer = post(f"{page}gradio_api/component_server/", asked)
        assert status == 200
        assert "did not arrive" in answer["error"]


def test_the_pages_own_events_are_private(client: Client) -> None:
    with pytest.raises(ValueError, match="Cannot find a function"):
        client.predict(api_name="/take_in")
