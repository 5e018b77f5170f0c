"""Deletes what had its day: in the store (one machine an hour does that), and what Gradio left in its upload folder.

Gradio's own cleanup forgets uploads that were broken off and everything from before a kill, and it counts from the
upload, not from the last use; what a job needs is therefore in the store by then, and nothing here is needed for
longer than a form is open. Job folders are tidied by the worker pools themselves.
"""

import asyncio
import logging
import os
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from vimix.errors import StoreError
from vimix.jobs.service import JobService, open_service
from vimix.settings import Settings
from vimix.stores import Store, sha256_of

log = logging.getLogger(__name__)

EVERY = 3600.0
BROKEN_OFF = 3600.0
"""Seconds after which an unfinished upload counts as broken off: it is renamed when it is complete."""


@dataclass(frozen=True, slots=True)
class Swept:
    """What went."""

    stored: int
    uploads: int


def sweep_once(service: JobService, *, now: float | None = None, lease: bool = True) -> Swept:
    """Sweep store and uploads. With `lease`, the store only if nobody has done so in this hour."""
    now = time.time() if now is None else now
    age = service.settings.result_ttl_hours * 3600
    stored, turn = 0, f"lease/sweep-{int(now // EVERY)}"
    if not lease or _ours(service.files, turn):
        stored = service.files.sweep(older_than=age - (now - time.time()), keep={turn, *service.in_use()})
    swept = Swept(stored, sweep_uploads(upload_folder(service.settings), age=age, now=now))
    log.info("swept: %d stored files, %d uploads", swept.stored, swept.uploads)
    return swept


def _ours(files: Store, key: str) -> bool:
    try:
        return files.claim(key)
    except StoreError as error:  # a server without conditional puts: sweeping twice does no harm
        log.warning("no lease, sweeping anyway: %s", error.cause)
        return True


def sweep_uploads(folder: Path, *, age: float, now: float) -> int:
    """Delete files older than `age` seconds, unfinished ones earlier, and folders that are empty; how many files."""
    gone = 0
    for top, folders, files in os.walk(folder, topdown=False):
        for name in files:
            path = Path(top, name)
            with suppress(FileNotFoundError):
                facts = path.lstat()
                unfinished = Path(top) == folder and name.startswith("tmp")
                if now - max(facts.st_mtime, facts.st_ctime) > (min(age, BROKEN_OFF) if unfinished else age):
                    path.unlink()
                    gone += 1
        for name in folders:
            with suppress(OSError):  # not empty, or in use again
                if now - Path(top, name).lstat().st_mtime > min(age, BROKEN_OFF):
                    Path(top, name).rmdir()
    return gone


def delete_everywhere(service: JobService, job: str, token: str) -> None:
    """Delete a job with all copies of its files: those in the store, and Gradio's of the upload and the result.

    A file that another job still needs stays in the store, and so do its copies. Raises what `JobService.delete` does.
    """
    made = service.job(job)
    keys = [key for key in (made.input_key, made.result_key, str(made.options.get("background"))) if key and "/" in key]
    known = {key: stored for key in keys if (stored := service.files.head(key)) is not None}
    service.delete(job, token)
    gone = {(stored.bytes, stored.sha256) for key, stored in known.items() if service.files.head(key) is None}
    sizes = {size for size, _ in gone}
    folder = upload_folder(service.settings)
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):
            if path.is_file() and path.lstat().st_size in sizes and (path.stat().st_size, sha256_of(path)) in gone:
                path.unlink()
    shutil.rmtree(folder / "results" / made.id, ignore_errors=True)


def upload_folder(settings: Settings) -> Path:
    """Where Gradio puts uploads."""
    return Path(os.environ.get("GRADIO_TEMP_DIR") or settings.data_dir / "uploads")


@asynccontextmanager
async def sweeping(service: JobService) -> AsyncIterator[None]:
    """Sweep now and every hour for as long as this is open."""

    async def round_and_round() -> None:
        while True:
            try:
                await asyncio.to_thread(sweep_once, service)
            except Exception:
                log.exception("the sweep failed; it is tried again in an hour")
            await asyncio.sleep(EVERY)

    task = asyncio.create_task(round_and_round())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def sweep_from_command(settings: Settings, *, install_rule: bool = False) -> int:
    """`vimix sweep`: once, now, and said; with `install_rule`, the bucket's own rules are set too."""
    service = open_service(settings, workers=0)
    try:
        if install_rule:
            if not hasattr(service.files, "install_rule"):
                raise StoreError("There is no bucket to set a rule for: S3_BUCKET is not set.")
            service.files.install_rule(settings.result_ttl_hours / 24 + 1, settings.origins)
            print("The bucket deletes by itself now, a day later than we do.")
        swept = sweep_once(service, lease=False)
        print(f"Deleted {swept.stored} stored files and {swept.uploads} uploads.")
    finally:
        service.jobs.close()
    return 0
