"""Waking Modal: with a stand-in for its library, because the service is not ours to call."""

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from vimix.errors import UsageError
from vimix.jobs.worker import modal
from vimix.settings import Settings


def settings(folder: Path, **more: str) -> Settings:
    return Settings(data_dir=folder, modal=True, **{"redis_url": "redis://x", "s3_bucket": "b", **more})


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    calls: list[tuple[str, str]] = []
    library = ModuleType("modal")
    library.Function = SimpleNamespace(  # type: ignore[attr-defined]
        from_name=lambda app, name: SimpleNamespace(spawn=lambda: calls.append((app, name)))
    )
    monkeypatch.setitem(sys.modules, "modal", library)
    return calls


def test_one_is_woken_and_not_again_at_once(
    tmp_path: Path, woken: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    waker = modal.Modal(settings(tmp_path))
    waker.wake()
    waker.wake()
    assert woken == [("vimix", "work")]
    monkeypatch.setattr(modal, "_AT_MOST_EVERY", 0.0)
    waker.wake()
    assert len(woken) == 2


def test_what_is_missing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="REDIS_URL"):
        modal.Modal(settings(tmp_path, redis_url=""))
    monkeypatch.setitem(sys.modules, "modal", None)
    with pytest.raises(UsageError, match="pip install modal"):
        modal.Modal(settings(tmp_path))
