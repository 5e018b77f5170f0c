"""The served page on a fake service, once for all tests of this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.web.served import serving


@pytest.fixture(scope="package")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("page")) as address:
        yield address


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.web.drawn import draw

    return draw(tmp_path_factory.mktemp("clips") / "clip.mp4")
