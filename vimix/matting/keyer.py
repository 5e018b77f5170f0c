"""Chroma keying as an engine: every frame by itself, by the colour of the screen that the clip begins with."""

from vimix.errors import Refused
from vimix.matting.chroma_key import find_key
from vimix.matting.engine import Decontaminate, Engine, EngineRequest, Matting, Preparing, Runtime
from vimix.matting.image import cut_each
from vimix.matting.networks.catalogue import Model

FIRST_FRAMES = 3
"""Frames in which the screen's colour is measured: one may begin in black, more delay the first picture."""
SECONDS = 0.02
"""CPU-seconds a frame of 640x360, measured on one core."""


class Keyer(Engine):
    """Keys a screen of one colour out."""

    def prepare(self, model: Model, request: EngineRequest) -> Preparing:
        """Raises `Refused` where there is no screen around the first frames."""
        key = find_key(request.first_frames(FIRST_FRAMES))
        if key is None:
            raise Refused("There is no single-colour screen in this picture. Choose another model than chroma.")
        yield from ()
        return Matting(
            model=model.name,
            stage=cut_each(key.alpha, workers=request.threads),
            single=key.alpha,
            runtime=Runtime("OpenCV", "cpu", "8 bit", "keyed by colour: no network is needed"),
            seconds=SECONDS,
            timing="key",
            decontaminate=key.unmix,
        )

    def decontaminate(self, request: EngineRequest) -> Decontaminate | None:
        """Takes the screen's colour out of the subject's edges."""
        key = find_key(request.first_frames(FIRST_FRAMES))
        return None if key is None else key.unmix
