"""Starting workers at Modal: with a stand-in for its service, which is not ours to call; the body of the deployed
function runs as it is, by the real library, where that is installed."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from tests.jobs.counting_work import clip
from tests.jobs.deployment import ROOT, WORK
from vimix.errors import UsageError
from vimix.jobs.model import Job, JobStore, State
from vimix.jobs.service import open_service
from vimix.jobs.store.sqlite import SqliteJobs
from vimix.jobs.worker import modal, serve
from vimix.options import Options
from vimix.settings import Settings


def settings(folder: Path, **more: object) -> Settings:
    given: dict[str, object] = {"redis_url": "redis://x", "s3_bucket": "b", "modal_workers": 4}
    return Settings(data_dir=folder, modal=True, **{**given, **more})  # type: ignore[arg-type]


@pytest.fixture
def store(tmp_path: Path) -> JobStore:
    return SqliteJobs(tmp_path / "jobs.sqlite")


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names that workers were started with."""
    calls: list[str] = []
    library = ModuleType("modal")
    library.Function = SimpleNamespace(  # type: ignore[attr-defined]
        from_name=lambda app, name: SimpleNamespace(spawn=calls.append)
    )
    monkeypatch.setitem(sys.modules, "modal", library)
    return calls


def add(store: JobStore, many: int) -> None:
    for number in range(many):
        job = Job(str(number), "", {}, "in/a", "a", f"work {number}", "matte/a", "v", 1.0 + number, 1.0)
        assert store.add(job, queue_max=999)


def test_as_many_are_started_as_have_something_to_do(tmp_path: Path, store: JobStore, woken: list[str]) -> None:
    pages = [modal.Modal(settings(tmp_path), store) for _ in range(2)]  # two web processes over one store
    pages[0].wake()
    assert woken == []
    add(store, 2)
    for page in pages * 5:
        page.wake()
    assert len(set(woken)) == 2
    add_more = [Job(f"m{n}", "", {}, "in/a", "a", f"m{n}", "matte/a", "v", 9.0, 9.0) for n in range(20)]
    for job in add_more:
        store.add(job, queue_max=999)
    for page in pages * 20:
        page.wake()
    assert len(set(woken)) == 4  # and no more, however often it is rung and however much waits


def test_a_worker_is_counted_once_from_its_asking_to_its_end(
    tmp_path: Path, store: JobStore, woken: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 5000.0
    monkeypatch.setattr("time.time", lambda: now)
    page = modal.Modal(settings(tmp_path, modal_workers=1), store)
    add(store, 3)
    page.wake()
    store.announce(woken[0], 1, now=now + 100)  # it is there
    now += 155
    page.wake()
    assert len(woken) == 1
    store.announce(woken[0], 0, now=now)  # it has ended
    page.wake()
    assert len(woken) == 2
    now += modal.PENDING + 1  # it never came
    page.wake()
    assert len(woken) == 3
    monkeypatch.setattr(page, "_modal", None)  # as if the service failed: it is not counted as asked for
    store.announce(woken[2], 0, now=now)
    page.wake()
    assert store.counts(now=now).slots == 0


def test_what_is_missing_is_said(tmp_path: Path, store: JobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="REDIS_URL"):
        modal.Modal(settings(tmp_path, redis_url=""), store)
    monkeypatch.setitem(sys.modules, "modal", None)
    with pytest.raises(UsageError, match="pip install modal"):
        modal.Modal(settings(tmp_path), store)


def load_deployed() -> ModuleType:
    """deploy/modal_app.py."""
    spec = importlib.util.spec_from_file_location("modal_app", ROOT / "deploy" / "modal_app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_deployed_function_works_and_keeps_what_was_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("modal", reason="the modal library is not installed")
    deployed = load_deployed()
    monkeypatch.setenv("VIMIX_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("VIMIX_MODEL_DIR", str(tmp_path / "models"))
    monkeypatch.setattr(serve, "EMPTY_FOR", 0.3)
    monkeypatch.setattr(serve, "REAL_WORK", WORK)
    kept: list[set[str]] = []

    def commit() -> None:
        kept.append({path.name for path in (tmp_path / "models").iterdir()})

    monkeypatch.setattr(deployed, "models", SimpleNamespace(commit=commit))
    service = open_service(Settings.load(), workers=0)
    plain = service.submit(clip(tmp_path / "a"), "a", Options(), visitor="v")
    fetching = clip(tmp_path / "b", fetches=str(tmp_path / "models" / "weights.onnx"))
    fetched = service.submit(fetching, "b", Options(), visitor="v")
    with pytest.warns(UserWarning, match="executing locally"):
        deployed.work.local("modal.1")
    assert [service.job(ticket.job).state for ticket in (plain, fetched)] == [State.DONE] * 2
    assert kept == [{"weights.onnx"}]
    service.jobs.close()


def test_tables_are_shipped_with_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library leaves out all but Python files unless told otherwise."""
    library = pytest.importorskip("modal", reason="the modal library is not installed")
    asked: list[tuple[str, list[str]]] = []

    def add(image: object, module: str, *, ignore: list[str]) -> object:
        asked.append((module, ignore))
        return image

    monkeypatch.setattr(library.Image, "add_local_python_source", add)
    load_deployed()
    ((module, ignore),) = asked
    assert module == "vimix"
    ignored = library.file_pattern_matcher.FilePatternMatcher(*ignore)
    shipped = [file for file in (ROOT / "vimix").rglob("*") if file.is_file() and not ignored(file.relative_to(ROOT))]
    assert {"pool.py", "activation_ranges.json", "es.json"} <= {file.name for file in shipped}
    assert {file.suffix for file in shipped}.isdisjoint({".pyc"})
