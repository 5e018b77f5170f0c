"""What every store promises, run over a folder and over a bucket on a real server."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.stores import swift
from vimix.errors import NotFound, UsageError
from vimix.stores import Store, disposition, open_store, sha256_of
from vimix.stores.local import LocalStore
from vimix.stores.s3 import S3Store

WEBP = "image/webp"


@pytest.fixture(scope="module", autouse=True)
def _server_ends() -> Iterator[None]:
    yield
    swift.stop()


@pytest.fixture(params=["local", pytest.param("s3", marks=pytest.mark.s3)])
def instance(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Store]:
    """Opens the same store, each time as another instance of the app would."""
    if request.param == "local":
        return lambda: LocalStore(tmp_path / "store")
    name = swift.bucket()
    return lambda: swift.store(name)


@pytest.fixture
def store(instance: Callable[[], Store]) -> Store:
    return instance()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a clip"
    path.write_bytes(os.urandom(70_000))
    return path


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.is_file()}


def corrupt(store: Store, key: str) -> None:
    """Other bytes under the old facts, as a dying disk would leave them."""
    if isinstance(store, LocalStore):
        path = store.local_path(key)
        assert path
        path.write_bytes(b"\0" * path.stat().st_size)
    else:
        head = store.head(key)
        assert head
        assert isinstance(store, S3Store)
        swift.raw().put_object(
            Bucket=store._bucket, Key=key, Body=b"\0" * head.bytes, ContentType=head.mime,
            Metadata={"sha256": head.sha256},
        )  # fmt: skip


def test_what_is_put_is_fetched(store: Store, file: Path, tmp_path: Path) -> None:
    put = store.put("out/abc", file, mime=WEBP)
    assert (put.key, put.bytes, put.mime, put.sha256) == ("out/abc", 70_000, WEBP, sha256_of(file))
    got = store.fetch("out/abc", tmp_path / "got")
    assert (tmp_path / "got").read_bytes() == file.read_bytes()
    assert (got.bytes, got.mime, got.sha256) == (put.bytes, put.mime, put.sha256)
    assert abs(got.modified - time.time()) < 30
    assert names(tmp_path) == {"a clip", "got"}


def test_an_empty_file_and_an_odd_type_come_back_too(store: Store, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    store.put("in/0", tmp_path / "empty", mime="video/x-matroska;codecs=avc1")
    assert store.fetch("in/0", tmp_path / "got").mime == "video/x-matroska;codecs=avc1"
    assert (tmp_path / "got").read_bytes() == b""


def test_what_is_absent_is_said_so(store: Store, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        store.fetch("out/none", tmp_path / "got")
    assert names(tmp_path) == set()
    assert store.head("out/none") is None
    assert not store.touch("out/none")
    assert not store.delete("out/none")
    assert store.local_path("out/none") is None


@pytest.mark.parametrize(
    "key", ["", "out", "out/", "/etc/passwd", "out/../in/a", "../a/b", "out/a b", "etc/a", "out/.a"]
)
def test_a_key_cannot_lead_out_of_the_store(store: Store, file: Path, key: str) -> None:
    assert store.head(key) is None
    assert not store.delete(key)
    with pytest.raises(NotFound):
        store.put(key, file, mime=WEBP)


def test_deleting_is_at_once(store: Store, file: Path) -> None:
    store.put("in/a", file, mime=WEBP)
    assert store.delete("in/a")
    assert store.head("in/a") is None
    assert not store.delete("in/a")


def test_a_put_of_what_is_there_is_a_touch_and_other_content_replaces(store: Store, file: Path, tmp_path: Path) -> None:
    first = store.put("out/a", file, mime=WEBP)
    again = store.put("out/a", file, mime=WEBP)
    assert again.modified >= int(first.modified)
    file.write_bytes(b"other")
    store.put("out/a", file, mime="image/gif")
    assert store.fetch("out/a", tmp_path / "got").mime == "image/gif"
    assert (tmp_path / "got").read_bytes() == b"other"


def test_a_corrupted_object_is_noticed_and_can_be_made_again(store: Store, file: Path, tmp_path: Path) -> None:
    store.put("out/a", file, mime=WEBP)
    corrupt(store, "out/a")
    with pytest.raises(NotFound):
        store.fetch("out/a", tmp_path / "got")
    assert names(tmp_path) == {"a clip"}
    assert store.head("out/a") is None
    store.put("out/a", file, mime=WEBP)
    store.fetch("out/a", tmp_path / "got")
    assert (tmp_path / "got").read_bytes() == file.read_bytes()


def test_two_instances_see_one_store_and_never_half_of_a_file(instance: Callable[[], Store], tmp_path: Path) -> None:
    one, two = instance(), instance()
    contents = [bytes([number]) * 200_000 for number in range(16)]
    for number, content in enumerate(contents):
        (tmp_path / f"f{number}").write_bytes(content)
    one.put("matte/a", tmp_path / "f0", mime=WEBP)
    stop = threading.Event()

    def write(store: Store, numbers: range) -> None:
        for number in numbers:
            store.put("matte/a", tmp_path / f"f{number}", mime=WEBP)

    def read() -> set[bytes]:
        seen = set()
        while not stop.is_set():
            two.fetch("matte/a", tmp_path / "got")
            seen.add((tmp_path / "got").read_bytes())
        return seen

    with ThreadPoolExecutor() as pool:
        reader = pool.submit(read)
        try:
            for writer in [pool.submit(write, one, range(8)), pool.submit(write, two, range(8, 16))]:
                writer.result()
        finally:
            stop.set()
        assert reader.result() <= set(contents)
    assert two.delete("matte/a")
    assert one.head("matte/a") is None


def test_writers_of_the_same_contents_in_turn_never_lose_the_key(instance: Callable[[], Store], tmp_path: Path) -> None:
    """Each finds the other's file, or its own of before: what one takes away, another has just put there."""
    store = instance()
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(name.encode() * 100)
    store.put("matte/a", tmp_path / "a", mime=WEBP)

    def write(first: int) -> int:
        return sum(store.put("matte/a", tmp_path / "ab"[(first + turn) % 2], mime=WEBP).bytes for turn in range(60))

    def missed() -> int:
        return sum(store.head("matte/a") is None for _ in range(200))

    with ThreadPoolExecutor() as pool:
        reader = pool.submit(missed)
        assert list(pool.map(write, range(3))) == [6000] * 3
        assert reader.result() == 0
    assert store.head("matte/a")


def test_only_one_may_claim(instance: Callable[[], Store]) -> None:
    stores = [instance() for _ in range(4)]
    if isinstance(stores[0], LocalStore):
        with ThreadPoolExecutor(4) as pool:
            won = list(pool.map(lambda store: store.claim("lease/sweep-1"), stores))
    else:  # R2 and S3 decide between two at the same instant; Swift lets both in
        won = [store.claim("lease/sweep-1") for store in stores]
    assert sorted(won) == [False, False, False, True]
    assert stores[0].claim("lease/sweep-2")
    assert stores[0].sweep(older_than=-60) == 2
    assert stores[0].claim("lease/sweep-1")


def test_a_thousand_old_files_are_swept_and_the_newest_and_the_needed_stay(store: Store, file: Path) -> None:
    file.write_bytes(b"small")
    local = isinstance(store, LocalStore)
    each = 500 if local else 50  # tests/stores/test_s3.py sweeps a bucket of more than a thousand
    old = [f"{folder}/{number:04}" for number in range(each) for folder in ("in", "out")]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: store.put(key, file, mime=WEBP), old))
    border = time.time() + 1.5  # a bucket counts whole seconds
    threading.Event().wait(2.5)
    newest = [f"matte/{number}" for number in range(5)]
    for key in newest:
        store.put(key, file, mime=WEBP)
    store.touch("in/0007")
    assert store.sweep(older_than=time.time() - border, keep={"in/0000", "out/0049"}) == 2 * each - 3
    left = {key for key in [*old, *newest] if store.head(key)}
    assert left == {*newest, "in/0007", "in/0000", "out/0049"}


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("cat.webp", "cat.webp"),
        ('a"; filename="evil.exe', "a__ filename=_evil.exe"),
        ("a\r\nSet-Cookie: x=1.webp", "a__Set-Cookie_ x=1.webp"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("Übung 猫.webm", "_bung _.webm"),
        ("photo\u202egpj.exe", "photo_gpj.exe"),
        ("", "result"),
        (" . .. ", "result"),
        ("x" * 500 + ".webm", "x" * 100 + ".webm"),
        ("\ud800.webm", "_.webm"),
    ],
)
def test_a_download_keeps_a_safe_name(name: str, plain: str) -> None:
    header = disposition(name)
    assert header.startswith(f"attachment; filename=\"{plain}\"; filename*=UTF-8''")
    assert header.isascii()
    assert header.isprintable()
    assert header.count('"') == 2


def test_half_a_bucket_is_refused_at_the_door(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="S3_SECRET_KEY"):
        open_store(folder=tmp_path, bucket="b", access_key="k")
    assert isinstance(open_store(folder=tmp_path), LocalStore)
    assert open_store(folder=tmp_path, bucket="b", region="eu-west-1", access_key="k", secret_key="s").shared
    with pytest.raises(UsageError, match="S3_REGION"):
        open_store(folder=tmp_path, bucket="b", access_key="k", secret_key="s")
    assert open_store(folder=tmp_path, bucket="b", endpoint="http://127.0.0.1:1", access_key="k", secret_key="s").shared
