"""Chromium and a served page, started once, and ended before other tests: Playwright keeps an event loop running."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.e2e.browsing import CHROMIUM, FLAGS
from tests.web.drawn import FATES, draw, fated
from tests.web.served import serving
from tools.draw_examples import main as draw_examples


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip(f"needs {CHROMIUM}: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The page on a service with light work, with the examples drawn."""
    folder = tmp_path_factory.mktemp("served")
    draw_examples(folder / "examples")
    with serving(folder) as address:
        yield address


@pytest.fixture(scope="package")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw(tmp_path_factory.mktemp("clips") / "ball.mp4")


@pytest.fixture
def clip(drawn: Path, tmp_path: Path) -> Path:
    """A clip that no job has had before."""
    (tmp_path / "sent").mkdir()
    return fated(drawn, tmp_path / "sent" / "ball.mp4")


@pytest.fixture
def named(drawn: Path, tmp_path: Path) -> "Namer":
    return Namer(drawn, tmp_path)


class Namer:
    """The same clip under another name, which decides what `light_work` does with it."""

    def __init__(self, clip: Path, folder: Path) -> None:
        self.clip, self.folder = clip, folder

    def __call__(self, name: str) -> Path:
        return fated(self.clip, self.folder / name, next((fate for fate in FATES if name.startswith(fate)), ""))
