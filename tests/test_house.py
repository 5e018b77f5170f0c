"""The house keeps its shape: who imports whom, how long a file and a function may be, which library lives where."""

import ast
import re
from pathlib import Path

import pytest
from pydantic import AliasChoices

from vimix.options import Options
from vimix.settings import Settings

ROOT = Path(__file__).parent.parent
FILES = sorted((ROOT / "vimix").rglob("*.py"))
FLOOR = {
    "errors": 0, "settings": 0, "options": 0, "points": 0, "background": 0, "frame": 0, "events": 0,
    "private_folder": 0,
    "imaging": 1, "concurrency": 1,
    "media": 2, "matting": 2, "refine": 2, "sinks": 2, "stores": 2,
    "pipeline": 3,
    "jobs": 4,
    "web": 5,
    "cli": 6,
    "__main__": 7,
}  # fmt: skip
"""Imports go down only, never sideways: packages of one floor do not know one another. Floor 0 is values, which may."""
HOME = {
    "gradio": ("web",),
    "onnxruntime": ("matting/networks/runtime.py",),
    "openvino": ("matting/networks/runtime.py",),
    "boto3": ("stores/s3.py",),
    "botocore": ("stores/s3.py",),
    "docket": ("jobs",),
    "redis": ("jobs",),
}
MAX_LINES = 250
MAX_FUNCTION = 50


def room(path: Path) -> str:
    return path.relative_to(ROOT / "vimix").parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_down_only(path: Path) -> None:
    here = room(path)
    if here == "__init__":
        return
    for name in imports(path):
        if not name.startswith("vimix."):
            continue
        there = name.split(".")[1]
        if there != here and there != "__version__":
            assert there in FLOOR, f"{here} imports {there}, which stands on no floor"
            same_floor_values = FLOOR[here] == FLOOR[there] == 0
            assert FLOOR[there] < FLOOR[here] or same_floor_values, f"{here} may not import {there}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_settings_are_read_at_the_top_only(path: Path) -> None:
    text = path.read_text()
    if room(path) not in ("__init__", "__main__", "cli", "web", "jobs", "settings"):
        assert "Settings.load" not in text
        assert "os.environ" not in text


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_libraries_stay_in_their_rooms(path: Path) -> None:
    relative = str(path.relative_to(ROOT / "vimix"))
    for name in imports(path):
        homes = HOME.get(name.split(".")[0])
        assert homes is None or relative.startswith(homes), f"{name} in {relative}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_can_be_read_at_a_sitting(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= MAX_LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            assert length <= MAX_FUNCTION, f"{node.name} has {length} lines"


def words_of(*names: str) -> str:
    return "\n".join((ROOT / name).read_text() for name in names)


def test_every_setting_is_documented() -> None:
    text = words_of("docs/deploying.md")
    for name, field in Settings.model_fields.items():
        alias = field.validation_alias
        variable = str(alias.choices[-1]) if isinstance(alias, AliasChoices) else f"VIMIX_{name.upper()}"
        assert f"`{variable}`" in text, f"docs/deploying.md does not name {variable}"


def test_every_option_is_documented() -> None:
    text = words_of("docs/api.md")
    for name in Options.model_fields:
        assert f"`{name}`" in text, f"docs/api.md does not name {name}"


def test_the_drawing_has_the_arrows_that_there_are() -> None:
    found = set[tuple[str, str]]()
    for path in [*FILES, ROOT / "app.py"]:
        here = "app" if path.name == "app.py" and path.parent == ROOT else room(path).strip("_")
        names = {name.split(".")[1] for name in imports(path) if name.startswith("vimix.")}
        found |= {(here, there) for there in names if FLOOR.get(there) and there != here}
    text = words_of("docs/architecture.md")
    rows = re.findall(r"^  (\w+) --> (.*)$", text, re.MULTILINE)
    drawn = {(here, there) for here, row in rows for there in row.split(" & ")}
    assert {arrow for arrow in found if arrow[0] != "init"} == drawn
    for package in {room(path) for path in FILES} - {"__init__"}:
        assert f"`{package}`" in text or f'"{package}<br>' in text or f'"{package}.py' in text, package


def test_both_requirement_files_pin_the_same() -> None:
    def pins(name: str) -> set[str]:
        lines = (ROOT / name).read_text().splitlines()
        return {re.sub(r"\[cuda,cudnn\]", "", line) for line in lines if line and not line.startswith("#")}

    assert pins("requirements.txt") == pins("requirements-cpu.txt")
    assert all("==" in line for line in pins("requirements.txt"))
