"""An engine as a newcomer would add it: one class with `prepare`, one row in the registry, one model.

`run` is the pipeline's with that row in place: a job's child process has only what it imports.
"""

from collections.abc import Generator
from pathlib import Path

from vimix.events import Done, Note, Progress
from vimix.frame import Pixels
from vimix.matting import registry
from vimix.matting.engine import Engine, EngineRequest, Matting, Preparing, Runtime
from vimix.matting.image import cut_each
from vimix.matting.networks.catalogue import MODELS, Model
from vimix.options import Options
from vimix.pipeline import run as pipeline
from vimix.pipeline.request import Resources


def reddish(rgb: Pixels) -> Pixels:
    """What is redder than green is the subject."""
    return (rgb[:, :, 0].astype(int) - rgb[:, :, 1] > 60).astype("uint8") * 255


class Toy(Engine):
    """Keeps what is red."""

    def prepare(self, model: Model, request: EngineRequest) -> Preparing:
        """Needs nothing."""
        yield from ()
        stage = cut_each(reddish, workers=request.threads)
        return Matting(model.name, stage, reddish, Runtime("NumPy", "cpu", "8 bit", "it is a toy"), 0.001)


TOY = Model("toy", "Red things.", "MIT", kind="toy", qualities=False)


def run(
    clip: Path, out: Path, options: Options, *, matte: Path | None = None
) -> Generator[Note | Progress | Done, None, None]:
    """The pipeline's `run` in a process that knows the toy."""
    registry.ENGINES["toy"], MODELS["toy"] = Toy(), TOY
    yield from pipeline.run(clip, out, options, Resources(Path("models")), matte=matte)
