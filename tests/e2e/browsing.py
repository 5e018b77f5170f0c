"""A headless Chromium whose every complaint fails the test."""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import Browser, ConsoleMessage, Frame, Page, Response, ViewportSize

SCREENS = Path(__file__).parents[2] / "out" / "screens"
CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"]
KNOWN_NOISE = re.compile(
    r"Method not implemented\.|AbortError|Connection errored out|ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED"
)
"""What Gradio itself says when a page is left or a server goes away."""
RUNNING = "#vx-progress:visible"
DONE = "#vx-download:visible"
PHONE, DESK = 390, 1440
THEMES = ("light", "dark")
CONTRAST, LAYOUT = ((Path(__file__).parent / name).read_text() for name in ("contrast.js", "layout.js"))
SETTLED = """async (theme) => {
  const dark = () => document.body.classList.contains("dark") === (theme === "dark");
  const ends = (each) => each.effect?.getTiming().iterations !== Infinity;
  const still = () => !document.getAnimations().some((each) => each.playState === "running" && ends(each));
  for (let turn = 0; turn < 100 && !(dark() && still()); turn++) await new Promise((done) => setTimeout(done, 20));
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  return dark();
}"""


def height_of(width: int) -> int:
    """The screen that usually goes with a width."""
    return 844 if width < 500 else 860


class Visit:
    """One tab: its page, and everything that went wrong on it."""

    def __init__(self, page: Page, root: str) -> None:
        self.page, self.root = page, root
        self.faults: list[str] = []
        self.expected: list[str] = []
        """Patterns of faults that this test brings about."""
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.faults.append(f"exception: {error}"))
        page.on("response", self._answered)
        page.on("request", lambda request: self._asked(request.url))

    def _said(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not KNOWN_NOISE.search(message.text):
            self.faults.append(f"console: {message.text}")

    def _answered(self, response: Response) -> None:
        if response.status >= 400:
            self.faults.append(f"HTTP {response.status}: {response.url}")

    def _asked(self, url: str) -> None:
        if not url.startswith((self.root, "data:", "blob:")):
            self.faults.append(f"asked somebody else: {url}")

    def open(self, path: str = "") -> Page:
        """Load the page and wait until it can be used."""
        self.page.goto(self.root + path)
        self.page.wait_for_selector("body[data-vx]", state="attached", timeout=20_000)
        return self.page

    def drop(self, *clips: Path) -> None:
        """Choose files and wait for the filmstrip."""
        self.page.set_input_files("#vx-file", clips)
        self.page.wait_for_selector('body[data-vx="setup"]', state="attached")
        if len(clips) == 1:
            self.page.wait_for_selector("#vx-trim:visible", timeout=15_000)

    def go(self) -> None:
        """Begin, and wait until frames come."""
        self.page.click("#vx-go")
        self.page.wait_for_selector(RUNNING)

    def finish(self, *, within: float = 30) -> None:
        """Wait for the result."""
        self.page.wait_for_selector(DONE, timeout=within * 1000)

    def seen(
        self,
        state: str,
        *musts: str,
        widths: Sequence[int] = (PHONE, DESK),
        themes: Sequence[str] = THEMES,
        frame: Frame | None = None,
    ) -> None:
        """The page as it stands, at each width and in each theme: readable, whole, and kept for people to look at.

        `musts` are selectors of what the first screen has to show. `frame` is where to look if not at the page.
        """
        size = self.page.viewport_size
        scheme = "dark" if self.page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches") else "light"
        SCREENS.mkdir(parents=True, exist_ok=True)
        self.page.mouse.move(0, 0)
        for width in widths:
            self.page.set_viewport_size({"width": width, "height": height_of(width)})
            for theme in themes:
                self.page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
                self._look(f"{state}_{width}_{theme}", theme, musts, frame or self.page.main_frame)
        self.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        if size:
            self.page.set_viewport_size(size)

    def _look(self, name: str, theme: str, musts: Sequence[str], frame: Frame) -> None:
        frame.evaluate("scrollTo(0, 0)")
        if not frame.evaluate(SETTLED, theme):
            self.faults.append(f"{name}: not {theme}")
        self.page.screenshot(path=SCREENS / f"{name}.png", full_page=True)
        found = [*frame.evaluate(LAYOUT, list(musts)), *frame.evaluate(CONTRAST)]
        self.faults += [f"{name}: {fault}" for fault in found]

    def check(self) -> None:
        """Nothing went wrong but what was meant to."""
        left = [fault for fault in self.faults if not any(re.search(each, fault) for each in self.expected)]
        assert not left, "\n".join(left)


Theme = Literal["light", "dark"]


@contextmanager
def visiting(browser: Browser, root: str, *, width: int = 1280, theme: Theme = "light", **more: Any) -> Iterator[Visit]:
    """A fresh visitor."""
    size: ViewportSize = {"width": width, "height": height_of(width)}
    context = browser.new_context(viewport=size, color_scheme=theme, accept_downloads=True, **more)
    context.set_default_timeout(15_000)
    try:
        visit = Visit(context.new_page(), root)
        yield visit
        visit.check()
    finally:
        context.close()
