"""Chromium and a served page, started once, and ended before other tests: Playwright keeps an event loop running."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.e2e.browsing import CHROMIUM, FLAGS
from tests.web.drawn import draw
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
    """The page on a fake service, with the examples drawn."""
    folder = tmp_path_factory.mktemp("served")
    draw_examples(folder / "examples")
    with serving(folder) as address:
        yield address


@pytest.fixture(scope="package")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw(tmp_path_factory.mktemp("clips") / "ball.mp4")


@pytest.fixture
def named(clip: Path, tmp_path: Path) -> "Namer":
    return Namer(clip, tmp_path)


class Namer:
    """The same clip under another name, which decides what the fake service does with it."""

    def __init__(self, clip: Path, folder: Path) -> None:
        self.clip, self.folder = clip, folder

    def __call__(self, name: str) -> Path:
        path = self.folder / name
        path.write_bytes(self.clip.read_bytes())
        return path
