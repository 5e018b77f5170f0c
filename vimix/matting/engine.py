"""The seam: an engine prepares the stages that give frames their alpha. `vimix.matting.registry` has one row for each.

A new kind of engine is one file with a subclass of `Engine` and one row in `ENGINES`; nothing else asks for kinds.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from vimix.events import Note, Progress
from vimix.frame import Frame, Pixels, Stage
from vimix.matting.networks.catalogue import Model
from vimix.points import Point

Predict = Callable[[Pixels], Pixels]
"""A picture (H, W, 3) of any size to its alpha (H, W). Any number of threads may call it."""
Decontaminate = Callable[[Pixels, Pixels], Pixels]
"""Picture (H, W, 3) and alpha (H, W) to the subject's own colours (H, W, 3)."""
Memo = dict[tuple[str, tuple[int, ...], bytes], Pixels]
"""Predictions by model, shape and bytes of the picture."""


@dataclass(frozen=True, slots=True)
class EngineRequest:
    """What an engine is told of the clip, the options and the machine."""

    first_frames: Callable[[int], Sequence[Frame]]
    """The first n frames of the clip, or as many as there are; reads them anew at each call."""
    still: bool
    """A single picture: nothing can be followed."""
    frames: int | None
    """Frames to expect, for progress."""
    quality: str
    """`fast`, `balanced` or `best`."""
    points: tuple[Point, ...]
    """Clicks and boxes that say which subject is meant, in order of time."""
    start: float
    """Seconds of the clip that were trimmed before its first frame: the times of `points` count from there."""
    model_dir: Path
    mirrors: tuple[str, ...]
    """Hub repositories that are asked first for weights."""
    device: str
    """`auto`, `cpu` or `cuda`."""
    threads: int
    """Threads for work on single frames."""
    stored: Path | None = None
    """A stored matte, for the engine that plays it back."""
    memo: Memo | None = None
    """Where predictions are kept, for callers that prepare several engines for the same frame."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """What runs an engine, as the card says it."""

    runtime: str
    """The library: `openvino`, `onnxruntime`, `OpenCV`."""
    device: str
    precision: str
    why: str
    """Why this one, and what could not be used."""

    def as_dict(self) -> dict[str, str]:
        """The card's `engine`."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Matting:
    """A prepared engine: what the pipeline needs to know, and nothing of how."""

    model: str
    """Name of the model, as the card says it."""
    stage: Stage
    """Gives the frames of the clip their alpha; the alpha that a frame brings is kept: the result is the product."""
    single: Predict
    """The alpha of one picture by itself: previews, with the request's points."""
    runtime: Runtime
    seconds: float
    """CPU-seconds that the engine takes for a frame of the clip, on average."""
    timing: str = "network"
    """Under which name its time is on the card."""
    decontaminate: Decontaminate | None = None
    """Takes the background's colour out of the subject's edges, where the engine knows that colour."""


Preparing = Generator[Note | Progress, None, Matting]
"""Yields what is waited for, and perhaps the first frame as it is found; returns the prepared engine."""


class Engine(ABC):
    """A kind of engine."""

    @abstractmethod
    def prepare(self, model: Model, request: EngineRequest) -> Preparing:
        """The stages for this clip; weights are fetched and compiled if need be.

        Raises `Unavailable` where weights or the device cannot be had, `Refused` where the clip does not suit the
        engine, `UsageError` where the options do not.
        """

    def fetch(self, model: Model, model_dir: Path, mirrors: Sequence[str]) -> Generator[Note, None, None]:
        """Fetch the weights of `model`, if it has any. Raises `Unavailable`."""
        yield from ()

    def models(self, model_dir: Path) -> Sequence[dict[str, object]]:
        """Rows of models that this engine finds by itself, beside those of the catalogue, with the same keys."""
        return ()

    def decontaminate(self, request: EngineRequest) -> Decontaminate | None:
        """What `Matting.decontaminate` would be for a clip whose matte was stored by this engine."""
        return None

    def remembered(self, model: Model, model_dir: Path) -> Runtime | None:
        """What ran this model on this machine before, if that is known without loading anything."""
        return None
