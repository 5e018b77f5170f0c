"""Where jobs and files are kept, as the settings say: on this machine, or shared by many."""

from vimix.jobs.model import JobStore
from vimix.jobs.store.redis import RedisJobs
from vimix.jobs.store.sqlite import SqliteJobs
from vimix.settings import Settings
from vimix.stores import Store, open_store


def open_jobs(settings: Settings) -> JobStore:
    """In Redis if there is one, else in a file of the data folder."""
    url = settings.redis_url.get_secret_value()
    return RedisJobs(url) if url else SqliteJobs(settings.data_dir / "jobs.sqlite")


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
