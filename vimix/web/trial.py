"""One frame cut out before a run: up to three Looks side by side, and what the whole clip would take."""

from pathlib import Path
from typing import Any


def try_frame(path: Path, time: float, looks: Any, point: Any) -> dict[str, Any]:
    """Placeholder until the engines are here."""
    raise NotImplementedError
