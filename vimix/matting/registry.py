"""The kinds of engines, and which model is used where none was named."""

from collections.abc import Generator, Sequence
from contextlib import suppress
from pathlib import Path

from vimix.concurrency.threads import cores
from vimix.events import Note
from vimix.matting.chroma_key import find_key
from vimix.matting.engine import Engine, EngineRequest, Preparing, Runtime
from vimix.matting.keyer import FIRST_FRAMES, Keyer
from vimix.matting.networks import catalogue
from vimix.matting.networks.catalogue import Model
from vimix.matting.networks.engine import Networks
from vimix.matting.networks.network import LENT
from vimix.matting.rembg_sessions import RembgSessions
from vimix.matting.stored import Stored

ENGINES: dict[str, Engine] = {
    "network": Networks(),
    "keyer": Keyer(),
    "rembg": RembgSessions(),
    "stored": Stored(lambda name: engine_of(find(name))),
}
"""By the kind that a model's row names. `KIND:NAME` also names a model that the engine finds by itself."""

DEFAULT = "isnet-general-use"
"""The network that `auto` means."""
BY_DEFAULT = (DEFAULT, "portrait")
"""What `models --fetch default` and a server at its start fetch: what runs that choose nothing use."""


def find(name: str) -> Model:
    """The model of that name. Raises `UsageError` with the names there are."""
    kind, _, own = name.partition(":")
    return Model(name, "", "", kind=kind) if own and kind in ENGINES else catalogue.find(name)


def engine_of(model: Model) -> Engine:
    """The engine that runs a model."""
    return ENGINES[model.kind]


def resolve(name: str, request: EngineRequest) -> Model:
    """The model that `name` means for this clip: `auto` is `chroma` before a screen, else the default network.

    A click chooses among subjects, which a key cannot do. Raises `UsageError`.
    """
    if name != "auto":
        return find(name)
    keyed = not request.points and find_key(request.first_frames(FIRST_FRAMES)) is not None
    return find("chroma" if keyed else DEFAULT)


def prepare(name: str, request: EngineRequest) -> Preparing:
    """The engine that `name` (or `auto`) means for this clip, prepared. Raises as `Engine.prepare` and `find` do."""
    model = resolve(name, request)
    return (yield from engine_of(model).prepare(model, request))


def play_back(request: EngineRequest) -> Preparing:
    """The matte stored in `request.stored`, in place of an engine. Raises `Failed` where it is damaged."""
    return (yield from ENGINES["stored"].prepare(Model("stored", "", "", kind="stored"), request))


def fetch(name: str, model_dir: Path, mirrors: Sequence[str]) -> Generator[Note, None, None]:
    """Fetch the weights of a model if they are not there. Raises `UsageError`, `Unavailable`."""
    model = find(name)
    yield from engine_of(model).fetch(model, model_dir, mirrors)


def table(model_dir: Path) -> list[dict[str, object]]:
    """All models, as the API and the command line list them: the catalogue's rows, then what engines find."""
    return [*catalogue.table(model_dir), *(row for engine in ENGINES.values() for row in engine.models(model_dir))]


def remembered(model_dir: Path) -> Runtime | None:
    """What ran the default network on this machine before, if that is known."""
    model = find(DEFAULT)
    return engine_of(model).remembered(model, model_dir)


def warm_up(model_dir: Path, device: str, threads: int = 1) -> None:
    """Open the default network ahead of the first clip, if its weights are there. Failures are left to that clip.

    `threads` of this machine are ours: as many processes as have such a part share a GPU.
    """
    from vimix.matting.networks.network import open_network

    if device.startswith(LENT):
        return  # a slice of a GPU is asked for once there is a clip
    sharing = max(1, cores() // threads)
    if (model := find(DEFAULT)).is_here(model_dir):
        with suppress(Exception):
            for _ in open_network(model, quality="balanced", model_dir=model_dir, device=device, sharing=sharing):
                pass
