"""Names for equal work change with whatever changes the result, and are made in one place."""

import ast
from pathlib import Path

import pytest

from vimix.jobs import keys
from vimix.jobs.progress import JobProgress

JOBS = Path(keys.__file__).parent


@pytest.mark.parametrize(
    ("file", "counts"),
    [
        ("matting/networks/activation_ranges.json", True),
        ("pipeline/run.py", True),
        ("matting/new/table.bin", True),
        ("web/app.py", False),
        ("jobs/keys.py", False),
        ("pipeline/__pycache__/run.cpython-311.pyc", False),
    ],
)
def test_the_code_version_covers_code_and_tables(tmp_path: Path, file: str, counts: bool) -> None:
    for name in ("pipeline/run.py", "matting/networks/activation_ranges.json", "web/app.py", "jobs/keys.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{}")
    before = keys.code_version.__wrapped__(tmp_path)
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_text('{"other": 1}')
    assert (keys.code_version.__wrapped__(tmp_path) != before) is counts


@pytest.mark.parametrize("file", sorted(set(JOBS.rglob("*.py")) - {JOBS / "keys.py"}), ids=lambda file: file.name)
def test_no_other_module_makes_keys(file: Path) -> None:
    texts = {node.value for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Constant)}
    assert not [text for text in texts if isinstance(text, str) and text.startswith(("in/", "out/", "matte/"))]


def test_progress_of_another_version_is_read() -> None:
    assert JobProgress.of({"done": 3, "sparkle": 1, "ev": "progress"}) == JobProgress(done=3)
    full = JobProgress(3, 9, 2.5, 4.0, "cut", 2, "Fetching", True)
    assert JobProgress.of(full.as_json()) == full
