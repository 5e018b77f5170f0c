"""A stored matte in place of an engine: another format, size or background of a clip needs no inference."""

from collections.abc import Callable
from contextlib import suppress

from vimix.errors import Failed, UsageError
from vimix.matting import matte_file
from vimix.matting.engine import Decontaminate, Engine, EngineRequest, Matting, Preparing, Runtime
from vimix.matting.networks.catalogue import Model


class Stored(Engine):
    """Plays a matte back that another engine made; its file says which."""

    def __init__(self, engine_named: Callable[[str], Engine]) -> None:
        self._engine_named = engine_named

    def prepare(self, model: Model, request: EngineRequest) -> Preparing:
        """Needs `request.stored`. Raises `Failed` where the file is damaged."""
        stored = request.stored
        if stored is None:
            raise Failed("There is no stored mask to play back.")
        about = matte_file.about(stored)
        yield from ()
        return Matting(
            model=about["model"],
            stage=matte_file.play_back(stored),
            single=lambda rgb: next(matte_file.stored_alphas(stored)).alpha,
            runtime=Runtime(**about["engine"]),
            seconds=0.0,
            timing="replay",
            decontaminate=self._decontaminate(about["model"], request),
        )

    def _decontaminate(self, name: str, request: EngineRequest) -> Decontaminate | None:
        with suppress(UsageError, KeyError):  # made by a model that this version no longer has
            return self._engine_named(name).decontaminate(request)
        return None
