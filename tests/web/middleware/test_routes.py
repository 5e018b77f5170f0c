"""Attacks through the real server: Gradio's routes that are not on the list, and pages of other sites."""

import re
from collections.abc import Iterator
from pathlib import Path

import gradio.routes
import httpx
import pytest

from tests.web.served import serving
from vimix.web.middleware.routes import is_allowed

CLOSED = {
    "/user", "/login_check", "/token", "/dev/reload", "/login", "/{page}", "/runs", "/run-history/connect",
    "/run-history/buckets", "/run-history/records",
    "/run-history/records/{endpoint}/{record_id}/assets/{asset_id}", "/gradio_api/deep_link",
    "/custom_component/{id}/{environment}/{type}/{file_name}", "/proxy={url_path:path}", "/stream/{event_id}",
    "/stream/{event_id}/close", "/stream/{session_hash}/{run}/{component_id}/playlist.m3u8",
    "/stream/{session_hash}/{run}/{component_id}/{segment_id}.{ext}",
    "/stream/{session_hash}/{run}/{component_id}/playlist-file", "/file/{path:path}", "/pwa_icon", "/pwa_icon/{size}",
    "/monitoring", "/monitoring/summary", "/monitoring/{key}", "/process_recording", "/vibe-edit", "/undo-vibe-edit",
    "/vibe-code", "/vibe-starter-queries", "/queue/status", "/profiling/traces",
    "/profiling/summary", "/profiling/clear",
}  # fmt: skip
"""Of the pinned Gradio: neither the page nor clients nor MCP need them."""
STRANGER = "https://evil.example"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(
        tmp_path_factory.mktemp("page"), "real", VIMIX_WORKERS="0", CORS_ORIGINS="https://friend.example"
    ) as it:
        yield it


def test_every_route_of_the_pinned_gradio_was_decided() -> None:
    text = Path(gradio.routes.__file__).read_text()
    found = re.findall(r"@(app|router)\.(?:get|post|head|put|delete)\(\s*f?\"([^\"]+)\"", text)
    assert len(found) > 60
    undecided = set()
    for owner, path in found:
        place = path if owner == "app" else f"/gradio_api{path}"
        plain = path.rstrip("/") or "/"
        if plain not in CLOSED and not is_allowed(place):
            undecided.add(path)
        if plain in CLOSED:
            assert not is_allowed(re.sub(r"\{[^}]*\}", "x", place)), path
    assert undecided == set()


@pytest.mark.parametrize(
    "path",
    ["gradio_api/file/http://127.0.0.1:1/", "gradio_api/dev/reload", "gradio_api/deep_link", "monitoring/summary",
     "gradio_api/runs", "gradio_api/vibe-code", "gradio_api//file/http://127.0.0.1:1/", "docs", "login"],
)  # fmt: skip
def test_what_is_not_on_the_list_is_not_found(page: str, path: str) -> None:
    answer = httpx.get(page + path)
    assert answer.status_code == 404
    assert answer.json() == {"error": "There is no such page."}


@pytest.mark.parametrize(
    "headers", [{"origin": STRANGER}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}], ids=str
)
def test_foreign_pages_cannot_act(page: str, headers: dict[str, str]) -> None:
    files = [("files", ("clip.mp4", b"v", "video/mp4"))]
    sent = [
        httpx.post(f"{page}gradio_api/upload", files=files, headers=headers),
        httpx.post(f"{page}convert", json={}, headers=headers),
        httpx.post(f"{page}gradio_api/call/submit", json={"data": []}, headers=headers),
        httpx.delete(f"{page}r/x", headers=headers),
    ]
    assert [answer.status_code for answer in sent] == [403] * 4


def test_our_own_page_friends_and_programs_can(page: str) -> None:
    files = [("files", ("clip.mp4", b"v", "video/mp4"))]
    ours = page.rstrip("/")
    for headers in ({"origin": ours, "sec-fetch-site": "same-origin"}, {"origin": "https://friend.example"}, {}):
        assert httpx.post(f"{page}gradio_api/upload", files=files, headers=headers).status_code == 200


@pytest.mark.parametrize("path", ["gradio_api/call/submit", "gradio_api/queue/join", "convert", "api/submit"])
def test_a_form_s_text_is_no_json(page: str, path: str) -> None:
    answer = httpx.post(page + path, content=b'{"data": []}', headers={"content-type": "text/plain"})
    assert answer.status_code == 415
