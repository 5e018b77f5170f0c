"""With a Space's variables: bound where its proxy looks, links as outside, visitors told apart, sign-in."""

import importlib.util
import re
from pathlib import Path

import httpx
import pytest
import yaml

from tests.web.served import ROOT
from tests.web.test_server import running

HOST = "me-vimix.hf.space"
SPACE = {"SYSTEM": "spaces", "SPACE_ID": "me/vimix", "SPACE_HOST": HOST, "SPACE_AUTHOR_NAME": "me"}
OAUTH = {
    "OAUTH_CLIENT_ID": "client", "OAUTH_CLIENT_SECRET": "hush", "OAUTH_SCOPES": "openid profile",
    "OPENID_PROVIDER_URL": "http://127.0.0.1:9",
}  # fmt: skip


def through_proxy(address: str, visitor: str) -> httpx.Client:
    headers = {"host": HOST, "x-forwarded-proto": "https", "x-forwarded-for": visitor}
    return httpx.Client(base_url=address, headers=headers, timeout=60, trust_env=False)


def test_it_serves_as_a_space_does(tmp_path: Path) -> None:
    with running(tmp_path, **SPACE) as (address, _):
        listening = [line.split()[1] for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        assert f"00000000:{int(address.rpartition(':')[2]):04X}" in listening
        with through_proxy(address, "203.0.113.1") as one, through_proxy(address, "203.0.113.2") as other:
            assert one.get("/config").json()["root"] == f"https://{HOST}"
            leave = {"bytes": 10, "mime": "video/mp4"}
            assert one.post("/api/upload-url", json=leave).json()["url"].startswith(f"https://{HOST}/api/")
            codes = [one.post("/api/upload-url", json=leave).status_code for _ in range(30)]
            assert codes[0] == 200
            assert codes[-1] == 429
            assert other.post("/api/upload-url", json=leave).status_code == 200
            assert "vx-sign-in" not in one.get("/").text  # nobody set up sign-in


@pytest.mark.skipif(importlib.util.find_spec("authlib") is None, reason="gradio[oauth] is not installed")
def test_sign_in_is_offered_where_it_is_set_up(tmp_path: Path) -> None:
    with running(tmp_path, **SPACE, **OAUTH) as (address, _), through_proxy(address, "203.0.113.1") as http:
        assert "vx-sign-in" in http.get("/").text
        assert http.get("/logout").headers["location"] == "/"


def front_matter() -> dict[str, object]:
    found = re.match(r"---\n(.*?)\n---\n", (ROOT / "README.md").read_text(), re.DOTALL)
    assert found
    matter: dict[str, object] = yaml.safe_load(found[1])
    return matter


def test_the_front_matter_is_whole_and_true() -> None:
    matter = front_matter()
    wanted = "title emoji colorFrom colorTo sdk sdk_version python_version app_file license short_description thumbnail"
    wanted += " tags models preload_from_hub hf_oauth suggested_hardware startup_duration_timeout"
    assert set(wanted.split()) <= set(matter)
    assert f"=={matter['sdk_version']}" in (ROOT / "requirements.txt").read_text().splitlines()[1]
    for name in ("app_file", "thumbnail"):
        assert (ROOT / str(matter[name])).exists()
    assert len(str(matter["short_description"])) <= 60
    from vimix.matting.networks.catalogue import MODELS
    from vimix.matting.networks.mirrors import Hub

    hubs = {(m.repo, m.file, m.revision) for row in MODELS.values() for m in row.mirrors if isinstance(m, Hub)}
    loaded = matter["preload_from_hub"]
    assert isinstance(loaded, list)
    assert {tuple(line.split()) for line in loaded} <= hubs
