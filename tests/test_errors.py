"""Numbers in sentences read as people write them."""

import ast
from fractions import Fraction
from pathlib import Path

import pytest

from vimix.errors import megabytes, tidy

HOUSE = Path(__file__).parent.parent / "vimix"
TECHNICAL = {"frame.py", "sinks/base.py", "sinks/stills.py", "cli/show.py"}
"""A repr, what only our own code reads, a file's own format, and a line that would jump if its width changed."""


@pytest.mark.parametrize(
    ("value", "places", "said"),
    [
        (130.0, 1, "130"), (12.5, 1, "12.5"), (Fraction(25, 2), 1, "12.5"), (120.001, 1, "120.1"),
        (2.0, 2, "2"), (3.004, 2, "3.01"), (256.3, 0, "257"), (100, 0, "100"), (315_360_000.1, 1, "315360000.1"),
        (0.1 + 0.2, 1, "0.3"), (0, 1, "0"), (1e9, 1, "1000000000"),
    ],
)  # fmt: skip
def test_a_number_has_no_more_digits_than_it_needs_and_is_rounded_up(value: float, places: int, said: str) -> None:
    assert tidy(value, places) == said


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (1, "0.1 MB"), (100 << 20, "100 MB"), ((100 << 20) + 1, "100.1 MB"), (25 << 19, "12.5 MB"),
        (1000 << 20, "1 GB"), (1 << 30, "1 GB"), (5 << 29, "2.5 GB"),
    ],
)  # fmt: skip
def test_bytes_are_told_in_the_unit_that_people_use(count: int, said: str) -> None:
    assert megabytes(count) == said


@pytest.mark.parametrize("path", sorted(HOUSE.rglob("*.py")), ids=lambda path: str(path.relative_to(HOUSE)))
def test_no_sentence_has_a_number_with_idle_digits(path: Path) -> None:
    if str(path.relative_to(HOUSE)) in TECHNICAL:
        return
    specs = [node.format_spec for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FormattedValue)]
    told = [ast.unparse(spec) for spec in specs if spec]
    assert [spec for spec in told if spec.endswith("f'") and ".0f" not in spec] == []
