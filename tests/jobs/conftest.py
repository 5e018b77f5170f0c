from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.jobs.deployment import Place, RedisServer


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    yield server
    server.kill()


@pytest.fixture(params=["embedded", pytest.param("redis", marks=pytest.mark.redis)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Both homes of jobs; whatever happened there, nothing is left running."""
    place = Place(tmp_path)
    if request.param == "redis":
        place.server = request.getfixturevalue("server")
        place.server.flush()
    yield place
    place.end()
    place.is_left_clean()
