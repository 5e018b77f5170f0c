import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from vimix.media.file_type import _LOOKS_LIKE, _TAKEN
from vimix.sinks import FORMATS
from vimix.web.ui import presenter
from vimix.web.ui.i18n import SPANISH, WORDS, label, named, table
from vimix.web.ui.page import SCRIPTS, STATIC

SCRIPT_TEXT = "".join((STATIC / name).read_text() for name in SCRIPTS)
HTML_TEXT = "".join(path.read_text() for path in STATIC.glob("*.html"))


def test_every_word_that_the_page_asks_for_is_there() -> None:
    asked = set(re.findall(r'data-(?:t|label)="(\w+)"', HTML_TEXT)) | set(re.findall(r'vimix\.t\("(\w+)"', SCRIPT_TEXT))
    assert asked
    assert asked <= WORDS.keys()


def test_no_word_is_left_that_nothing_asks_for() -> None:
    own = (STATIC.parent / "page.py").read_text()
    idle = {key for key in WORDS if not re.search(rf'["\'`]{key}["\'`]', SCRIPT_TEXT + HTML_TEXT + own)}
    built = {"s_queued", "s_running", "s_done", "s_failed", "s_cancelled", "s_expired"}
    built |= {"keep_help", "remove_help", "keep_first", "remove_first"}
    built |= {key for key in WORDS if key.startswith(("behind_", "for_", "how_", "on_", "stable_"))}
    assert idle <= built


def test_both_languages_fill_the_same_blanks() -> None:
    for key, (english, spanish) in WORDS.items():
        assert set(re.findall(r"\{(\w+)\}", english)) == set(re.findall(r"\{(\w+)\}", spanish)), key
    assert table()["es"]["o_go"] == "Quitar el fondo"
    assert label("o_go").key == "o_go"


def test_no_value_enters_a_template() -> None:
    # Gradio evaluates templates as JavaScript template literals, with the values already in them
    assert "{{" not in HTML_TEXT
    assert "${" not in HTML_TEXT
    assert "innerHTML" not in SCRIPT_TEXT


def test_every_format_and_platform_has_a_button() -> None:
    assert {row["name"] for row in presenter.formats()} == set(FORMATS)
    assert all(row["label"] for row in presenter.presets())
    assert {f"how_{row['name']}" for row in presenter.presets()} | {"how_to_add"} == {
        key for key in WORDS if key.startswith("how_")
    }


NOT_ON_THE_PAGE = (
    "__main__.py", "cli/arguments.py", "cli/cut.py", "cli/show.py", "cli/watch.py", "pipeline/card.py",
    "pipeline/archives.py", "settings.py", "jobs/webhook.py", "matting/networks/catalogue.py", "jobs/worker/modal.py",
    "jobs/worker/serve.py", "web/listener.py", "web/server.py", "web/ops/prefetch.py",
    "web/ui/embed.py", "web/ops/metrics.py", "web/ops/cleanup.py", "web/ui/i18n.py", "web/ui/result_words.py",
    "web/ui/page_words.py",
)  # fmt: skip
"""Whose sentences a visitor never meets: the command line's, the operator's, the log's, and the page's own words."""
HOUSE = STATIC.parents[2]


def sentences(path: Path) -> Iterator[str]:
    """Every text of a module that reads like a sentence, docstrings apart; `{}` for what is filled in."""
    tree = ast.parse(path.read_text())
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    inside |= {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        text = ""
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            text = node.value
        elif isinstance(node, ast.JoinedStr):
            text = "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
        if re.fullmatch(r"[A-Z{][^\n]* [^\n]*[.]", text):
            yield re.sub(r"\{\w+\}", "{}", text)


SHOWN = [path for path in sorted(HOUSE.rglob("*.py")) if str(path.relative_to(HOUSE)) not in NOT_ON_THE_PAGE]


@pytest.mark.parametrize("path", SHOWN, ids=lambda path: str(path.relative_to(HOUSE)))
def test_every_sentence_that_a_visitor_can_meet_is_there_in_spanish(path: Path) -> None:
    assert [text for text in sentences(path) if text not in SPANISH] == []


def test_names_that_fill_a_sentence_are_there_in_spanish() -> None:
    kinds = [name for _, name in _LOOKS_LIKE]
    labels = [row["label"] for row in presenter.presets()]
    assert {_TAKEN, ": it looks like {}", "text", *kinds, *labels} <= SPANISH.keys()
    assert named("Telegram sticker").key == "Telegram sticker"
    assert named("WebP") == "WebP"


def test_no_spanish_sentence_is_left_that_nothing_says() -> None:
    said = {text for path in sorted(HOUSE.rglob("*.py")) for text in sentences(path)}
    assert [text for text in SPANISH if re.fullmatch(r"[A-Z{].* .*[.]", text) and text not in said] == []
    for english, spanish in SPANISH.items():
        assert spanish.count("{}") <= english.count("{}"), english
