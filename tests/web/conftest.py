"""The served page on a service with light work, once for all tests of this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.web.served import serving


@pytest.fixture(scope="package")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("page")) as address:
        yield address


@pytest.fixture(scope="session")
def _drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.web.drawn import draw

    return draw(tmp_path_factory.mktemp("clips") / "clip.mp4")


@pytest.fixture
def clip(_drawn: Path, tmp_path: Path) -> Path:
    """A clip that no job has had before."""
    from tests.web.drawn import fated

    (tmp_path / "sent").mkdir()
    return fated(_drawn, tmp_path / "sent" / "clip.mp4")
