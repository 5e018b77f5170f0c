"""The house keeps its shape: who imports whom, how long a file and a function may be, which library lives where."""

import ast
import io
import re
import tokenize
from pathlib import Path

import pytest
from pydantic import AliasChoices

from vimix.options import Options
from vimix.settings import Settings

ROOT = Path(__file__).parent.parent
FILES = sorted((ROOT / "vimix").rglob("*.py"))
FLOOR = {
    "errors": 0, "settings": 0, "options": 0, "points": 0, "background": 0, "frame": 0, "events": 0,
    "private_folder": 0, "public_network": 0,
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
    "starlette": ("web",),
    "uvicorn": ("web",),
    "httpx": ("public_network.py", "jobs/webhook.py", "web"),
    "safehttpx": ("public_network.py",),
    "zipstream": ("web/api/zip_download.py",),
    "limits": ("web/middleware/rate_limit.py",),
    "prometheus_client": ("web/ops/metrics.py",),
    "onnxruntime": ("matting/networks/runtime.py",),
    "onnx": ("matting/networks/onnx_graphs.py", "matting/networks/tflite.py"),
    "filelock": ("matting/networks/weights.py",),
    "huggingface_hub": ("matting/networks/http.py",),
    "pymatting": ("refine/closed_form.py",),
    "pillow_heif": ("media/image_reader.py", "media/deep_picture.py"),
    "av": ("media", "sinks", "pipeline/card.py"),
    "imageio_ffmpeg": ("concurrency/ffmpeg.py",),
    "boto3": ("stores/s3.py",),
    "botocore": ("stores/s3.py",),
    "docket": ("jobs/engine.py",),
    "opentelemetry": ("jobs/spans.py",),
    "redis": ("jobs/store/redis.py",),
}
"""Where a library may be imported. OpenVINO, rembg and modal are loaded by name, in `LOADED`."""
LOADED = {
    "openvino": "matting/networks/runtime.py",
    "rembg": "matting/rembg_sessions.py",
    "modal": "jobs/worker/modal.py",
}
OLD_WORDS = frozenset({
    "told", "heard", "hear", "shot", "shots", "look", "looked", "glance", "surest", "looker", "ways", "moved",
    "belief", "sureness", "pace", "crew", "desk", "teller", "settle", "narrow", "peaks", "thin", "rim", "doubt",
    "shelf", "errand", "Desk", "Shot", "Gap", "Pace", "Crew", "Means", "Order", "Workshop", "Cut", "intake",
    "lookout", "let_go", "owner", "not_before", "beat",
})  # fmt: skip
"""Names of the first house for which the field has others: docs/architecture.md has the words that we use."""
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


def test_what_these_tables_name_is_there() -> None:
    assert {room(path) for path in FILES} - {"__init__"} == set(FLOOR)
    for library, places in HOME.items():
        for place in places:
            files = [path for path in FILES if str(path.relative_to(ROOT / "vimix")).startswith(place)]
            assert any(name.split(".")[0] == library for path in files for name in imports(path)), (library, place)
    for library, place in LOADED.items():
        named = [
            str(path.relative_to(ROOT / "vimix")) for path in FILES if f'import_module("{library}' in path.read_text()
        ]
        assert named == [place], library


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_names_are_the_fields(path: Path) -> None:
    tokens = tokenize.generate_tokens(io.StringIO(path.read_text()).readline)
    assert not {token.string for token in tokens if token.type == tokenize.NAME} & OLD_WORDS


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
