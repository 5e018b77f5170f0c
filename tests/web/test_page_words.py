import re

from vimix.web import view
from vimix.web.page import SCRIPTS, STATIC
from vimix.web.words import WORDS, label, table

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
    built |= {"on_checker", "on_black", "on_white"}
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
    assert {row["name"] for row in view.formats()} == set(view.FORMATS)
    assert all(row["label"] for row in view.presets())
