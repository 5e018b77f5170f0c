"""What programs may send: every endpoint and every POST of ours, with values nobody meant. Nothing of it is a fault of
the server's, nothing tells where its files are, and afterwards it works as before."""

import json
import os
import random
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.clips import draw
from tests.web.served import serving

SEED, VARIANTS = 20240501, 340
JOB = "0123456789abcdef" * 2
ENDPOINTS = ("remove_background", "submit", "watch", "status", "result", "cancel", "preview", "convert", "models")
AS_JSON = {"content-type": "application/json"}
ROUTES = ("convert", "api/upload-url", "api/submit")
OURS = ["job", "token", "options", "key", "name", "bytes", "mime", "clip", "background_file", "time", "looks"]
FIELDS = [*OURS, "format", "fit", "width", "background", "point", "start", "end", "fps", "steady", "model", "unknown"]
ROOT = Path(__file__).parents[2]
HERE = (Path.home(), Path(tempfile.gettempdir()), ROOT, Path(sys.prefix), Path(sys.base_prefix), Path(os.sep) / "proc")
BOTH = (*HERE, *(place.resolve() for place in HERE))
FOLDERS = {f"{above}{os.sep}" for place in BOTH for above in (place, *place.parents) if len(above.parts) > 1}
"""The folders of this machine that hold anything of ours, and those around them: `/home/` tells as `/home/me/` does."""
WORDS = r"Traceback|File \\?\"|site-packages|\.py\b|sqlite3|pydantic|errno"
TELLS = re.compile("|".join([WORDS, *(re.escape(folder) for folder in sorted(FOLDERS))]), re.I)


def deep(levels: int, leaf: Any = 0) -> Any:
    for _ in range(levels):
        leaf = {"a": [leaf]}
    return leaf


def file(**facts: Any) -> dict[str, Any]:
    return {**facts, "meta": {"_type": "gradio.FileData"}}


NUMBERS = (0, -1, 7.5, 1e308, 10**40, float("nan"), float("inf"), -float("inf"), True, False, None)
TEXTS = (
    "",
    " ",
    "\x00",
    "a\x00b",
    "\r\nSet-Cookie: a=b",
    "\u202egnp.exe",
    "\ud800",
    "😀" * 50,
    "x" * 100_000,
    "9" * 5000,
)
TRICKS = ("{{7*7}}", "${7*7}", "<script>alert(1)</script>", "' or 1=1 --", "webm", "500KB", "1,2,3;4", "auto", JOB)
PATHS = (
    "../../etc/passwd",
    "..\\..\\boot.ini",
    "file:///etc/passwd",
    "%2e%2e%2f",
    "http://127.0.0.1:1/",
    "up/" + "0" * 32,
)
FILES = (file(path=None), file(path="secret"), file(url=PATHS[4]), file(path=PATHS[0], orig_name="\x00", size=-1))
NESTED: tuple[Any, ...] = ([], {}, [None] * 500, ["a", ["b"]], deep(60), deep(12, "x"), {"__class__": 1}, {"path": 3})
ODD: tuple[Any, ...] = (*NUMBERS, *TEXTS, *TRICKS, *PATHS, *FILES, *NESTED)


def asked(chance: random.Random) -> Any:
    """A body: mostly an object with some known fields, sometimes something else altogether."""
    if chance.random() < 0.1:
        return chance.choice(ODD)
    fields = {name: chance.choice(ODD) for name in chance.sample(FIELDS, chance.randint(0, 6))}
    if chance.random() < 0.3:
        fields["options"] = {name: chance.choice(ODD) for name in chance.sample(FIELDS, 3)}
    return fields


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("fuzzed")
    with serving(folder, "real", VIMIX_QUEUE_MAX="500") as address:
        yield address


def test_what_would_tell_is_known() -> None:
    for place in (Path.home(), Path(tempfile.mkdtemp()), Path(json.__file__).parent, ROOT, Path("/proc/self")):
        assert TELLS.search(f"no such file: {place}/secret")
    assert not TELLS.search("We can't open this file type. Try MP4, MOV, WebM, GIF, JPG or PNG.")


def call(http: httpx.Client, name: str, body: Any, *, version: str = "/v2") -> tuple[int, str]:
    """Gradio's two steps: the number of the event, then what came of it."""
    began = http.post(f"gradio_api/call{version}/{name}", content=json.dumps(body), headers=AS_JSON)
    told = began.text
    if began.is_success and isinstance(event := began.json().get("event_id"), str):
        told += http.get(f"gradio_api/call/{name}/{event}").text
    return began.status_code, told


def test_odd_json_breaks_nothing_and_is_told_nothing(page: str, tmp_path: Path) -> None:
    chance = random.Random(SEED)
    faults = []
    with httpx.Client(base_url=page, timeout=30) as http:
        for number in range(VARIANTS):
            body = asked(chance)
            if number % 2:
                name = ROUTES[number // 2 % len(ROUTES)]
                got = http.post(name, content=json.dumps(body), headers=AS_JSON)
                status, told = got.status_code, got.text
            else:
                name = ENDPOINTS[number // 2 % len(ENDPOINTS)]
                plain = number % 4 == 0
                body = {"data": [chance.choice(ODD) for _ in range(chance.randint(0, 20))]} if plain else body
                status, told = call(http, name, body, version="" if plain else "/v2")
            if status >= 500 or TELLS.search(told.replace(json.dumps(body), "")):
                faults.append((number, name, status, told[:300], repr(body)[:300]))
        for odd in ("%00", "..%2f..%2fetc%2fpasswd", "x" * 3000, "%ff%fe", JOB):
            got = http.request("DELETE", f"r/{odd}", params={"token": "\u202e"})
            if got.status_code >= 500 or TELLS.search(got.text):
                faults.append((0, odd[:50], got.status_code, got.text[:300], ""))
        assert faults == []
        assert http.get("healthz").json()["ok"]
        works(http, tmp_path)


def works(http: httpx.Client, tmp_path: Path) -> None:
    """A good clip is cut out."""
    draw(tmp_path / "clip.mp4", frames=6, size=(160, 90), screen=True)
    path = http.post("gradio_api/upload", files={"files": ("clip.mp4", (tmp_path / "clip.mp4").read_bytes())}).json()[0]
    clip = {"path": path, "orig_name": "clip.mp4", "meta": {"_type": "gradio.FileData"}}
    status, told = call(http, "remove_background", {"clip": clip, "model": "chroma", "quality": "fast"})
    assert status == 200
    assert "event: complete" in told, told[-500:]
