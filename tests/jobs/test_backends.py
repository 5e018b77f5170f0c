"""Job stores that cannot be used are named by the variable that chose them."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from pydantic import SecretStr

from vimix.errors import StoreError
from vimix.jobs.backends import check_reachable, open_jobs
from vimix.settings import Settings


def test_a_store_that_answers_passes(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    with closing(open_jobs(settings)) as jobs:
        check_reachable(jobs, settings)


def test_a_redis_that_is_not_there_is_named() -> None:
    settings = Settings(redis_url=SecretStr("redis://127.0.0.1:9/0"))
    with closing(open_jobs(settings)) as jobs, pytest.raises(StoreError, match="REDIS_URL"):
        check_reachable(jobs, settings)


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    (tmp_path / "jobs.sqlite").write_bytes(b"no database" * 1000)
    with pytest.raises(StoreError, match="VIMIX_DATA_DIR"):
        open_jobs(settings)


def test_a_database_that_lost_its_table_is_named(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    with closing(open_jobs(settings)) as jobs:
        with closing(sqlite3.connect(tmp_path / "jobs.sqlite")) as database:
            database.execute("DROP TABLE jobs")
        with pytest.raises(StoreError, match="VIMIX_DATA_DIR"):
            check_reachable(jobs, settings)
