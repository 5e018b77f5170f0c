"""Nothing under web/ decodes: no decoder of pictures or video, no network, and none of the rooms that call them."""

import ast
from pathlib import Path

import vimix.web

FORBIDDEN = (
    "av", "cv2", "PIL", "onnxruntime", "openvino", "vimix.media", "vimix.pipeline.preview", "vimix.pipeline.plan",
    "vimix.pipeline.run", "vimix.matting.image", "vimix.matting.video", "vimix.imaging", "vimix.refine",
)  # fmt: skip


def imported(file: Path) -> set[str]:
    """The modules that a file imports anywhere, inside of functions too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def test_no_module_of_the_web_imports_a_decoder() -> None:
    files = list(Path(vimix.web.__file__).parent.rglob("*.py"))
    assert len(files) > 15
    found = {
        f"{file.name}: {name}"
        for file in files
        for name in imported(file)
        if any(f"{name}.".startswith(f"{room}.") for room in FORBIDDEN)
    }
    assert found == set()
