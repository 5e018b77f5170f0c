"""A visitor whose browser speaks Spanish meets no English word, on any screen and in any list."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, FilePayload, Page, expect

from tests.e2e.browsing import Visit, visiting
from tests.e2e.conftest import Namer
from vimix.matting.networks.catalogue import MODELS
from vimix.pipeline.presets import PRESETS
from vimix.sinks import FORMATS
from vimix.web.ui.i18n import SPANISH, WORDS

pytestmark = pytest.mark.browser

SHOWN = """() => {
  const said = [document.title];
  const seen = (node) => node.checkVisibility() && !node.closest("script, style, code");
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) if (seen(walk.currentNode.parentElement)) said.push(walk.currentNode.data);
  for (const node of document.querySelectorAll("[aria-label], [title], [placeholder], [alt], input, textarea"))
    if (seen(node))
      said.push(node.ariaLabel, node.title, node.placeholder, node.alt, node.role === "listbox" ? node.value : "");
  return said.filter(Boolean).join("\\n");
}"""
LISTS = ("format", "size", "fps", "model", "refine", "fit")


def words(*texts: str) -> set[str]:
    return {word.lower() for text in texts for word in re.findall(r"[^\W\d_]{2,}", re.sub(r"\{\w*\}", " ", text))}


NAMES = words(*MODELS, *FORMATS, *(row.label for row in FORMATS.values() if row.label not in SPANISH))
ENGLISH = words(
    *(english for english, _ in WORDS.values()), *SPANISH,
    *(row.label for row in FORMATS.values()), *(row.label for row in PRESETS.values()),
    "upload submit clear a person hair and whiskers green screen",
) - words(*(spanish for _, spanish in WORDS.values()), *SPANISH.values()) - NAMES  # fmt: skip


def look(page: Page) -> None:
    """Every word that is shown, or told to a screen reader, is none of the English ones."""
    shown = page.evaluate(SHOWN)
    english = [line.strip() for line in shown.splitlines() if words(line) & ENGLISH]
    assert not english, english


@pytest.fixture
def spanish(browser: Browser, root: str) -> Iterator[Visit]:
    with visiting(browser, root, locale="es-ES") as visit:
        visit.open()
        visit.page.wait_for_load_state("networkidle")
        yield visit


def test_the_words_of_the_page_are_told_apart() -> None:
    assert {"frame", "balanced", "left", "save", "frames", "with"} <= ENGLISH
    assert not {"webp", "hevc", "api", "english", "portrait", "sticker"} & ENGLISH


def test_before_the_run(spanish: Visit, clip: Path) -> None:
    page = spanish.page
    look(page)
    for opener in ("#vx-nav-api", "#vx-nav-embed"):
        page.click(opener)
        look(page)
        page.click("#vx-dialog-close")
    no_clip: FilePayload = {"name": "no.mp4", "mimeType": "video/mp4", "buffer": b"hello"}
    page.set_input_files("#vx-file", no_clip)
    expect(page.locator("#vx-start-error")).not_to_be_empty(timeout=30_000)
    look(page)
    spanish.drop(clip)
    page.click("#vx-advanced button")
    look(page)
    for name in LISTS:
        page.click(f"#vx-{name} input")
        page.wait_for_selector("[role=option] >> visible=true")
        look(page)
        page.keyboard.press("Escape")
    for kind in page.locator("#vx-background label").all():
        kind.click()
        look(page)
    page.click("#vx-pick")
    look(page)
    page.click("#vx-try")
    page.wait_for_selector(".vx-look")
    look(page)


def test_while_it_runs_and_when_it_is_done(spanish: Visit, named: Namer) -> None:
    page = spanish.page
    spanish.drop(named("slowmo.mp4"))
    spanish.go()
    look(page)
    page.wait_for_selector("#vx-count b")
    look(page)
    page.click("#vx-cancel")
    spanish.finish()
    look(page)
    page.click("#vx-new")
    page.wait_for_selector("#vx-recent li")
    look(page)
    spanish.drop(named("bola.mp4"))
    page.click("#vx-format input")
    page.get_by_role("option", name="Máscara alfa").click()
    spanish.go()
    spanish.finish()
    look(page)
    page.click("#vx-compare-open")
    look(page)
    page.click("#vx-api")
    look(page)


@pytest.mark.parametrize("name", ["refuse.mp4", "fail.mp4"])
def test_when_it_goes_wrong(spanish: Visit, named: Namer, name: str) -> None:
    spanish.drop(named(name))
    spanish.page.click("#vx-go")
    expect(spanish.page.locator("#vx-card-error")).not_to_be_empty()
    look(spanish.page)


def test_a_list_of_clips_and_a_link_that_is_over(spanish: Visit, named: Namer) -> None:
    page = spanish.page
    spanish.drop(named("uno.mp4"), named("fail.mp4"))
    look(page)
    page.click("#vx-go")
    expect(page.locator("#vx-batch li")).to_have_count(2)
    look(page)
    spanish.finish()
    look(page)
    spanish.open("?job=" + "0" * 32)
    expect(page.locator("#vx-card-title")).not_to_be_empty()
    look(page)
