"""The same tools over MCP: a client hands a clip over, follows it, and takes files home, from a server that works."""

import json
import urllib.request
import uuid
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anyio
import pytest
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client

from tests.web.api.test_gradio_api import ENDPOINTS
from tests.web.drawn import draw
from tests.web.served import serving

Call = Callable[..., Awaitable[Any]]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A page on a real service."""
    with serving(tmp_path_factory.mktemp("mcp"), "real", VIMIX_JOBS_PER_HOUR="9") as address:
        yield address


@pytest.fixture(scope="module")
def sent(root: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a clip that was uploaded before, as docs/api.md says."""
    clip = draw(tmp_path_factory.mktemp("sent") / "ball.mp4", wall=(20, 176, 72))
    mark = uuid.uuid4().hex
    head = f'--{mark}\r\nContent-Disposition: form-data; name="files"; filename="ball.mp4"\r\n\r\n'
    body = head.encode() + clip.read_bytes() + f"\r\n--{mark}--\r\n".encode()
    kind = {"Content-Type": f"multipart/form-data; boundary={mark}"}
    with urllib.request.urlopen(urllib.request.Request(f"{root}gradio_api/upload", body, kind), timeout=20) as answer:
        (path,) = json.loads(answer.read())
    return f"{root}gradio_api/file={path}"


def over_mcp(root: str, ask: Callable[[ClientSession, Call], Awaitable[None]]) -> None:
    """Run `ask` in a session; its second argument calls a tool and gives what it answered."""

    async def run() -> None:
        async with (
            streamable_http_client(f"{root}gradio_api/mcp/") as (read, write, _),
            ClientSession(read, write) as session,
        ):

            async def call(tool: str, **asked: Any) -> Any:
                answer = await session.call_tool(tool, asked)
                text = getattr(answer.content[-1], "text", "")
                assert not answer.isError, text
                return json.loads(text)

            await session.initialize()
            await ask(session, call)

    with ThreadPoolExecutor(1) as aside:  # other tests may keep a loop in this thread
        aside.submit(anyio.run, run).result()


async def quiet(progress: float, total: float | None, message: str | None) -> None:
    """How far it is is not looked at."""


def taken(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=20) as answer:
        return bytes(answer.read())


def test_a_clip_is_handed_over_followed_and_taken_home(root: str, sent: str) -> None:
    async def ask(session: ClientSession, call: Call) -> None:
        assert {tool.name for tool in (await session.list_tools()).tools} >= ENDPOINTS
        assert "isnet-general-use" in {row["name"] for row in await call("models")}
        ticket = await call("submit", clip=sent, quality="fast")
        last = await call("watch", job=ticket["job"])
        assert (last["state"], last["done"]) == ("done", 24)
        assert last["card"]["output"]["alpha"]
        assert (await call("status", job=ticket["job"]))["state"] == "done"
        result = await call("result", job=ticket["job"])
        assert len(taken(result["url"])) == result["bytes"]
        assert result["name"] == "ball-cutout.webp"
        other = await call("convert", job=ticket["job"], format="gif")
        assert (await call("watch", job=other["job"]))["card"]["cached"]
        assert taken((await call("result", job=other["job"]))["url"])[:4] == b"GIF8"
        assert (await call("cancel", **{key: ticket[key] for key in ("job", "token")}))["state"] == "done"

    over_mcp(root, ask)


def test_one_call_does_it_all_and_one_frame_can_be_tried(root: str, sent: str) -> None:
    async def ask(session: ClientSession, call: Call) -> None:
        told = await call("preview", clip=sent, time=0.5)
        assert told["quota"]["jobs_per_hour"] == 9
        assert told["quota"]["jobs_left"] <= 9
        for progress in (None, quiet):  # Gradio hands over the outputs differently where progress is asked for
            asked = {"clip": sent, "format": "apng"}
            answer = await session.call_tool("remove_background", asked, progress_callback=progress)
            file, card = (json.loads(getattr(part, "text", "")) for part in answer.content)
            assert taken(file["url"])[:4] == b"\x89PNG"
            assert (file["orig_name"], card["output"]["format"]) == ("ball-cutout.png", "apng")

    over_mcp(root, ask)


@pytest.mark.parametrize(
    ("clip", "said"),
    [
        ("/etc/passwd", "provide a url"),
        ("http://127.0.0.1:1/clip.mp4", "not public"),
        ("{root}gradio_api/file=/etc/passwd", "not public"),
        ("{root}gradio_api/file=../../etc/passwd", "not public"),
    ],
)
def test_no_other_file_of_the_server_is_taken(root: str, clip: str, said: str) -> None:
    async def ask(session: ClientSession, call: Call) -> None:
        answer = await session.call_tool("submit", {"clip": clip.format(root=root)})
        assert answer.isError
        assert said in getattr(answer.content[0], "text", "")

    over_mcp(root, ask)
