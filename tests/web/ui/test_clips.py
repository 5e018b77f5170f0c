"""A finished job's clip is given back to its owner alone; an address is fetched as an upload is taken."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from vimix.errors import NotFound
from vimix.jobs.submission import token_hash
from vimix.settings import Settings
from vimix.web.middleware.url_fetch import Fetches
from vimix.web.ui import presenter
from vimix.web.ui.clips import fetching, reused
from vimix.web.ui.handlers import FIELDS


def test_only_the_owner_gets_the_clip_of_a_job_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "uploads"))
    (tmp_path / "kept").write_bytes(b"clip")
    options = {"start": 1.5, "end": 4.0, "point": ["0.5,0.5"]}
    made = SimpleNamespace(
        token_hash=token_hash("mine"), input_key="in/0", input_name="../my dog.m$p4", options=options
    )
    files = SimpleNamespace(local_path=lambda key: tmp_path / "kept")
    service: Any = SimpleNamespace(job=lambda job: made, files=files)
    for token in ("", "theirs", token_hash("mine")):
        with pytest.raises(NotFound):
            reused(service, "0", token)
    found = reused(service, "0", "mine")
    path = Path(found["path"])
    assert path.read_bytes() == b"clip"
    assert path.name == "clip.mp4"
    assert path.is_relative_to(tmp_path / "uploads")
    assert (found["start"], found["end"], found["point"]) == (1.5, 4.0, ["0.5,0.5"])


def test_an_address_is_answered_with_a_file_or_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fetched(_: object, urls: list[str], visitor: str) -> list[Path | str]:
        return ["That address is not public." if "secret" in url else tmp_path / "dog.mp4" for url in urls]

    monkeypatch.setattr(Fetches, "all", fetched)
    request: Any = SimpleNamespace(client=SimpleNamespace(host="192.0.2.1"), headers={})
    ask: Any = fetching(Settings(data_dir=tmp_path))
    answer = asyncio.run(ask({"url": "https://example.org/dog.mp4"}, request))
    assert (answer["kind"], answer["name"]) == ("clip", "dog.mp4")
    answer = asyncio.run(ask({"url": "http://secret/"}, request))
    assert answer == {"kind": "error", "error": "That address is not public."}


def test_a_jobs_options_fill_the_fields() -> None:
    options = {"quality": "best", "width": 720, "background": "#336699", "crop": "subject", "fps": None, "fit": None}
    found = dict(zip(FIELDS, presenter.fields(options, FIELDS), strict=True))
    assert (found["quality"], found["size"], found["crop"]) == ("best", "720", True)
    assert (found["background"], found["colour"]) == ("colour", "#336699")
    assert (found["fps"], found["fit"], found["picture"]) == ("", "", None)
    assert presenter.fields({"background": "blur"}, ["background", "size"]) == ["blur", "source"]
