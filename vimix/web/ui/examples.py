"""The three clips on the first screen, drawn by tools/draw_examples.py into the data folder."""

import json
from pathlib import Path
from typing import Any

from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles

DRAWN = Path(__file__).parents[2] / "data" / "examples"
"""Where `make run` and the container's build draw them."""


def home(data_dir: Path) -> Path:
    """The folder that holds them: the data folder's, or the checkout's."""
    own = data_dir.resolve() / "examples"
    return own if (own / "examples.json").exists() else DRAWN


def listed(folder: Path) -> list[dict[str, Any]]:
    """The clips that are there; none if they were not drawn."""
    index = folder / "examples.json"
    if not index.exists():
        return []
    return [
        row
        | {"path": str(folder / row["file"]), "url": f"examples/{row['file']}", "poster": f"examples/{row['poster']}"}
        | _result(folder, row["name"])
        for row in json.loads(index.read_text())
        if (folder / row["file"]).exists()
    ]


def _result(folder: Path, name: str) -> dict[str, str]:
    """The loop of a clip's result, a still of it and of the clip before; nothing where they were not drawn."""
    files = {"result": f"{name}-result.mp4", "still": f"{name}-result.jpg", "before": f"{name}-before.jpg"}
    if not all((folder / file).exists() for file in files.values()):
        return {}
    return {key: f"examples/{file}" for key, file in files.items()}


def hero(folder: Path) -> dict[str, str] | None:
    """The loop of before and after that the first screen begins with; None where it was not drawn."""
    if not (folder / "hero.mp4").exists():
        return None
    return {"film": "examples/hero.mp4", "poster": "examples/hero.jpg"}


def routes(folder: Path) -> list[BaseRoute]:
    """Where the browser finds them."""
    return [Mount("/examples", StaticFiles(directory=folder))] if folder.is_dir() else []
