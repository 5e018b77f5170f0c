"""What had its day goes, by whomever and whenever it was left; what a job needs stays."""

import asyncio
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from vimix.errors import StoreError
from vimix.jobs.service import JobService, open_service
from vimix.options import Options
from vimix.settings import Settings
from vimix.web.ops import cleanup

HOUR = 3600.0


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.delenv("GRADIO_TEMP_DIR", raising=False)
    return Settings(data_dir=tmp_path / "data")


@pytest.fixture
def service(settings: Settings) -> Iterator[JobService]:
    service = open_service(settings, workers=0)
    yield service
    service.jobs.close()


def keep(service: JobService, folder: Path, *keys: str) -> None:
    file = folder / "f"
    file.write_bytes(b"content")
    for key in keys:
        service.files.put(key, file, mime="image/webp")


def left(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def test_old_files_go_and_those_a_job_waits_for_stay(service: JobService, tmp_path: Path) -> None:
    keep(service, tmp_path, "out/old", "in/old")
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"a clip")
    ticket = service.submit(clip, "clip.mp4", Options(), visitor="v")
    needed = service.job(ticket.job).input_key
    assert cleanup.sweep_once(service, now=time.time() + 23 * HOUR).stored == 0
    assert cleanup.sweep_once(service, now=time.time() + 25 * HOUR).stored >= 2
    assert service.files.head("out/old") is None
    assert service.files.head(needed) is not None


def test_one_sweep_an_hour_is_enough_for_all_instances(service: JobService, settings: Settings, tmp_path: Path) -> None:
    other = open_service(settings, workers=0)
    keep(service, tmp_path, "out/old")
    then = time.time() + 25 * HOUR
    assert cleanup.sweep_once(service, now=then).stored == 1
    keep(service, tmp_path, "out/old")
    assert cleanup.sweep_once(other, now=then).stored == 0
    assert cleanup.sweep_once(other, now=then + HOUR).stored >= 1
    other.jobs.close()


def test_a_store_without_leases_is_swept_all_the_same(
    service: JobService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(key: str) -> bool:
        raise StoreError("no", cause="501")

    keep(service, tmp_path, "out/old")
    monkeypatch.setattr(service.files, "claim", refuse)
    assert cleanup.sweep_once(service, now=time.time() + 25 * HOUR).stored == 1


def test_uploads_go_after_a_day_and_broken_ones_after_an_hour(tmp_path: Path) -> None:
    clip = tmp_path / "3f9a" / "clip.mp4"
    clip.parent.mkdir()
    clip.write_bytes(b"x")
    (tmp_path / "tmpabc123").write_bytes(b"half of it")
    (tmp_path / "3f9a" / "tmp looks like one").write_bytes(b"x")
    now = time.time()
    assert cleanup.sweep_uploads(tmp_path, age=24 * HOUR, now=now + 0.5 * HOUR) == 0
    assert cleanup.sweep_uploads(tmp_path, age=24 * HOUR, now=now + 1.1 * HOUR) == 1
    assert left(tmp_path) == {"3f9a", "3f9a/clip.mp4", "3f9a/tmp looks like one"}
    os.utime(clip, (0, 0))  # the time that a visitor's file brings along does not count
    assert cleanup.sweep_uploads(tmp_path, age=24 * HOUR, now=now + 23 * HOUR) == 0
    assert cleanup.sweep_uploads(tmp_path, age=24 * HOUR, now=now + 25 * HOUR) == 2
    assert cleanup.sweep_uploads(tmp_path, age=24 * HOUR, now=now + 27 * HOUR) == 0
    assert left(tmp_path) == set()


def test_a_link_in_the_upload_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").touch()
    (tmp_path / "up").mkdir()
    (tmp_path / "up" / "link").symlink_to(tmp_path / "precious", target_is_directory=True)
    (tmp_path / "up" / "file").symlink_to(tmp_path / "precious" / "file")
    cleanup.sweep_uploads(tmp_path / "up", age=1, now=time.time() + HOUR * 2)
    assert (tmp_path / "precious" / "file").exists()


def test_it_sweeps_at_the_start_and_ends_with_the_server(service: JobService, monkeypatch: pytest.MonkeyPatch) -> None:
    async def serve() -> int:
        swept = asyncio.Event()
        loop = asyncio.get_running_loop()
        times = []

        def count(service: JobService) -> None:
            times.append(1)
            if len(times) == 1:
                raise StoreError("once")
            loop.call_soon_threadsafe(swept.set)

        monkeypatch.setattr(cleanup, "sweep_once", count)
        monkeypatch.setattr(cleanup, "EVERY", 0.01)
        async with cleanup.sweeping(service):
            await asyncio.wait_for(swept.wait(), 10)
        return len(times)

    assert asyncio.run(serve()) >= 2


def test_the_command_sweeps_now_and_says_what_went(
    settings: Settings, service: JobService, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cleanup.sweep_once(service)
    keep(service, tmp_path, "out/old")
    tiny = settings.model_copy(update={"result_ttl_hours": 1e-9})
    assert cleanup.sweep_from_command(tiny) == 0
    assert "Deleted" in capsys.readouterr().out
    assert service.files.head("out/old") is None
    with pytest.raises(StoreError, match="S3_BUCKET"):
        cleanup.sweep_from_command(settings, install_rule=True)
