"""One conversion for all interfaces: the same request gives the same options by page, HTTP, Gradio API and MCP."""

import json
import tempfile
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from gradio_client import Client, handle_file
from PIL import Image

from tests.web.api.test_gradio_api import post
from tests.web.api.test_mcp import over_mcp
from tests.web.drawn import draw
from tests.web.served import serving
from vimix.options import Options

REQUESTS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"format": "gif"}, {"format": "gif", "background": "{kept}", "width": 64, "fps": 10.0, "stroke": 2}),
    ({"format": "mp4", "background": "transparent"}, {"format": "mp4", "background": "#ffffff"}),
    ({"format": "webm"}, {"format": "webm", "fps": 10.0, "background": "{kept}"}),
    ({"background": "#FF8800", "width": "none"}, {"format": "webp", "background": "#ff8800", "width": None}),
    ({"fit": "telegram-sticker"}, {"format": "webm", "fps": 10.0, "width": None, "end": 1.0, "quality": "fast"}),
    ({"fit": "", "lossless": None, "crop": "subject"}, {"crop": "subject", "fps": 10.0, "lossless": False}),
    ({"invert": True, "refine": "off"}, {"invert": True, "refine": "off", "model": "chroma"}),
]
"""What is asked for, and what the options of the new job must be; `{kept}` is the first job's own background."""
FINISHED = {"model": "chroma", "quality": "fast", "fps": "10", "width": "64", "end": "1", "stroke": "2"}
Door = Callable[[dict[str, Any]], dict[str, Any]]


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="vimix-doors-") as made:
        yield Path(made)


@pytest.fixture(scope="module")
def root(folder: Path) -> Iterator[str]:
    with serving(folder, "real", VIMIX_MAX_SECONDS="20") as address:
        yield address


@pytest.fixture(scope="module")
def client(root: str) -> Iterator[Client]:
    client = Client(root, verbose=False, download_files=False)
    yield client
    client.close()


@pytest.fixture(scope="module")
def job(client: Client, folder: Path) -> str:
    """A finished job with a picture as its background."""
    clip, picture = draw(folder / "ball.mp4", wall=(20, 176, 72)), folder / "wall.png"
    Image.new("RGB", (64, 36), (200, 30, 90)).save(picture)
    ticket = client.predict(handle_file(str(clip)), handle_file(str(picture)), **FINISHED, api_name="/submit")
    *_, last = client.submit(ticket["job"], api_name="/watch")
    assert last["state"] == "done", last
    return str(ticket["job"])


def component(root: str) -> int:
    with urllib.request.urlopen(f"{root}config", timeout=20) as answer:
        config = json.loads(answer.read())
    (app,) = (part["id"] for part in config["components"] if part["props"].get("elem_id") == "vx-app")
    return int(app)


def by_page(root: str, client: Client, job: str) -> Door:
    def convert(asked: dict[str, Any]) -> dict[str, Any]:
        data = {"data": {"job": job, **asked}, "component_id": component(root), "fn_name": "also", "session_hash": "s"}
        status, answer = post(f"{root}gradio_api/component_server/", data)
        assert status == 200
        assert "tickets" in answer, answer
        (ticket,) = answer["tickets"]
        return dict(ticket)

    return convert


def by_http(root: str, client: Client, job: str) -> Door:
    def convert(asked: dict[str, Any]) -> dict[str, Any]:
        status, answer = post(f"{root}convert", {"job": job, "options": asked})
        assert status == 200, answer
        return dict(answer)

    return convert


def by_gradio(root: str, client: Client, job: str) -> Door:
    return lambda asked: dict(client.predict(job, **asked, api_name="/convert"))


def by_mcp(root: str, client: Client, job: str) -> Door:
    def convert(asked: dict[str, Any]) -> dict[str, Any]:
        answers: list[dict[str, Any]] = []

        async def ask(session: Any, call: Any) -> None:
            answers.append(await call("convert", job=job, **asked))

        over_mcp(root, ask)
        return answers[0]

    return convert


def options_of(root: str, client: Client, ticket: dict[str, Any]) -> dict[str, Any]:
    """The options that the service made of it, as the page is told them."""
    *_, last = client.submit(ticket["job"], api_name="/watch")
    assert last["state"] == "done", last
    assert last["card"]["cached"], "a network ran"
    return dict(last["card"]["options"])


@pytest.mark.parametrize("door", [by_page, by_http, by_gradio, by_mcp])
@pytest.mark.parametrize(("asked", "expected"), REQUESTS, ids=lambda value: ",".join(value))
def test_a_conversion_is_the_same_by_every_interface(
    root: str, client: Client, job: str, door: Callable[..., Door], asked: dict[str, Any], expected: dict[str, Any]
) -> None:
    made = options_of(root, client, door(root, client, job)(asked))
    wanted = {name: "file" if value == "{kept}" else value for name, value in expected.items()}
    assert {name: made[name] for name in wanted} == wanted
    unnamed = set(Options.model_fields) - set(expected) - set(asked) - {"format", "fps", "width", "background"}
    before = Options.parse(FINISHED | {"background": "blur"}).model_dump(mode="json")
    assert {name: made[name] for name in unnamed} == {name: before[name] for name in unnamed}


@pytest.mark.parametrize("door", [by_page, by_http, by_gradio, by_mcp])
def test_a_fault_is_the_same_sentence_by_every_interface(
    root: str, client: Client, job: str, door: Callable[..., Door]
) -> None:
    with pytest.raises(Exception) as caught:  # noqa: PT011  each has its own way to say it
        door(root, client, job)({"background": "sea.png"})
    assert "file was not sent" in repr(caught.value)
