"""Where jobs and files are kept, as the settings say: on this machine, or shared by many."""

from collections.abc import Iterator
from contextlib import contextmanager

from vimix.errors import StoreError
from vimix.jobs.model import JobStore
from vimix.jobs.store.redis import RedisJobs
from vimix.jobs.store.sqlite import SqliteJobs
from vimix.settings import Settings
from vimix.stores import Store, open_store


def open_jobs(settings: Settings) -> JobStore:
    """In Redis if there is one, else in a file of the data folder. Raises `StoreError` naming the variable."""
    url = settings.redis_url.get_secret_value()
    with _naming_the_variable(settings):
        return RedisJobs(url) if url else SqliteJobs(settings.data_dir / "jobs.sqlite")


def check_reachable(jobs: JobStore, settings: Settings) -> None:
    """Raises `StoreError` naming the variable where `jobs` cannot be used: said before anything else is started."""
    with _naming_the_variable(settings):
        jobs.counts(now=0.0)


@contextmanager
def _naming_the_variable(settings: Settings) -> Iterator[None]:
    try:
        yield
    except StoreError as error:
        name = "REDIS_URL" if settings.redis_url.get_secret_value() else "VIMIX_DATA_DIR"
        raise StoreError(f"What {name} names cannot be used: {error.public}", cause=error.cause) from error


def open_files(settings: Settings) -> Store:
    """In the bucket if one is named, else in a folder of the data folder."""
    return open_store(
        folder=settings.data_dir / "files",
        bucket=settings.s3_bucket,
        endpoint=settings.s3_endpoint,
        access_key=settings.s3_access_key.get_secret_value(),
        secret_key=settings.s3_secret_key.get_secret_value(),
        region=settings.s3_region,
    )
