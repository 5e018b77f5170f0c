"""What looks at pictures and says which of their pixels are the subject."""

import threading
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

from vimix.engines import catalogue, weights
from vimix.engines.still import Look, looker
from vimix.events import Note
from vimix.frame import Frame

__all__ = ["Engine", "Look", "open_engine", "pick"]


@dataclass(frozen=True, slots=True)
class Engine:
    """A model, ready to look."""

    name: str
    look: Look
    runtime: str
    device: str
    precision: str
    why: str
    """Why this runtime, and what was not to be had."""
    cost: float
    """CPU-seconds of one look."""
    parallel: int
    """Looks at once that keep the machine busy."""


_open: dict[tuple[object, ...], Engine] = {}
_opening = threading.Lock()


def open_engine(
    name: str, *, quality: str, model_dir: Path, mirrors: Sequence[str] = (), device: str = "auto"
) -> Generator[Note, None, Engine]:
    """The engine of that name, fetched and compiled if need be; yields what is being waited for.

    Opened once per process. Raises `UsageError` for a name that is not in the table, `Unavailable` where weights or the
    device cannot be had.
    """
    model = catalogue.find(name)
    size = model.size(quality)
    key = (name, size, model_dir, device)
    if key in _open:
        return _open[key]
    graph = yield from weights.fetch(model, model_dir, mirrors)
    if model.kind == "resized":
        graph = yield from _resized(graph, size)
    yield Note(f"Preparing {name}.")
    from vimix.engines import runtime

    with _opening:
        if key not in _open:
            network = runtime.open_network(graph, size, device=device, cache=model_dir / "compiled")
            _open[key] = Engine(
                name,
                looker(model, size, network.run),
                network.runtime,
                network.device,
                network.precision,
                network.why,
                network.cost,
                network.parallel,
            )
    return _open[key]


def _resized(source: Path, size: int) -> Generator[Note, None, Path]:
    target = source.with_name(f"{source.stem}-{size}.onnx")
    if not target.is_file():
        yield Note(f"Preparing {source.stem} for {size} pixels.")
        from vimix.engines import graphs

        graphs.make(source, target, size)
    return target


def pick(first_frames: Sequence[Frame], quality: str) -> str:
    """The model that `auto` means for a clip with these first frames."""
    return "isnet-general-use"
