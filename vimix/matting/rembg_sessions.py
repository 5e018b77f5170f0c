"""rembg's own sessions as an engine: `rembg:<session>` for any session that the installed rembg knows.

Weights, preprocessing and postprocessing are rembg's; the masks are tracked through a clip like those of any other
network. rembg is imported only when a clip asks for it: the list of its sessions is read from its source files, because
importing it also compiles parts of pymatting. Sessions that send pictures to a service elsewhere are not offered.
"""

import ast
import importlib
import importlib.util
import os
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from vimix.errors import Unavailable, UsageError
from vimix.events import Note
from vimix.frame import Pixels
from vimix.matting.engine import Engine, EngineRequest, Preparing, Runtime
from vimix.matting.networks.catalogue import Model
from vimix.matting.networks.cpu import processor
from vimix.matting.networks.engine import matting_of
from vimix.matting.networks.network import Network

CUDA, CPU = "CUDAExecutionProvider", "CPUExecutionProvider"
WARM_PICTURE = (360, 640, 3)
"""A first prediction is made on a picture of this shape to measure its CPU time; every session resizes it anyway."""
_sessions: dict[tuple[str, str], Network] = {}
_opening = threading.Lock()


class RembgSessions(Engine):
    """Runs the sessions of the installed rembg."""

    def prepare(self, model: Model, request: EngineRequest) -> Preparing:
        """Raises `UsageError` for a session that this rembg lacks, `Unavailable` where it cannot be opened."""
        name = _session_name(model)
        yield Note(f"Opening rembg's session {name}; its weights are fetched if they are not there yet.")
        key = (name, request.device)
        with _opening:
            if key not in _sessions:
                _sessions[key] = _open(model.name, request.model_dir, request.device)
        follows = bool(request.points) or not request.still
        return (yield from matting_of(_sessions[key], model, request, follows=follows))

    def fetch(self, model: Model, model_dir: Path, mirrors: Sequence[str]) -> Generator[Note, None, None]:
        """Have rembg download the session's weights."""
        name = _session_name(model)
        yield Note(f"rembg is fetching {name}.")
        _download(_session_class(name, model_dir), name)

    def models(self, model_dir: Path) -> Sequence[dict[str, object]]:
        """A row for each session of the installed rembg that runs on this machine."""
        return [
            {
                "name": f"rembg:{name}",
                "about": f"rembg's own session {name}, with its weights and preprocessing.",
                "licence": "as rembg says",
                "sizes": {},
                "fetched": any((_home(model_dir) / "models" / name).glob("*.onnx")),
            }
            for name in sorted(_listed())
        ]


def _session_name(model: Model) -> str:
    return model.name.partition(":")[2]


def _home(model_dir: Path) -> Path:
    """Where rembg keeps its weights: where its own variables say, else beside ours."""
    return Path(os.getenv("U2NET_HOME") or os.getenv("REMBG_HOME") or model_dir / "rembg")


def _listed() -> Iterator[str]:
    """Names of the sessions in rembg's source files that run here, without importing it."""
    spec = importlib.util.find_spec("rembg")
    for folder in spec.submodule_search_locations or () if spec else ():
        for file in (Path(folder) / "sessions").glob("*.py"):
            for node in ast.parse(file.read_bytes()).body:
                if isinstance(node, ast.ClassDef):
                    constants = _constants(node)
                    if isinstance(constants.get("name"), str) and constants.get("is_local") is not False:
                        yield str(constants["name"])


def _constants(node: ast.ClassDef) -> dict[str, object]:
    """What the methods of a class return, for those that return a constant."""
    returned: dict[str, object] = {}
    for method in node.body:
        if isinstance(method, ast.FunctionDef) and isinstance(method.body[-1], ast.Return):
            value = method.body[-1].value
            if isinstance(value, ast.Constant):
                returned[method.name] = value.value
    return returned


def _session_class(name: str, model_dir: Path) -> Any:
    """Rembg's class for a session. Raises `UsageError`, `Unavailable`."""
    try:
        classes = importlib.import_module("rembg.sessions").sessions_class
    except ImportError as error:
        raise Unavailable("rembg is not installed: pip install rembg.", cause=str(error)) from error
    local = {each.name(): each for each in classes if each.is_local()}
    if name not in local:
        raise UsageError(f"The installed rembg has no session {name!r} that runs here; it has {', '.join(local)}.")
    home = str(_home(model_dir))
    return type(name, (local[name],), {"rembg_home": classmethod(lambda cls, *args, **kwargs: home)})


def _download(session: Any, name: str) -> str:
    """Fetch the session's weights if they are not there; the path where a session of a person's own weights
    (`u2net_custom`, …) looks for them."""
    own = str(Path(session.model_dir()) / f"{name}.onnx")
    try:
        session.download_models(model_path=own)
    except Exception as error:  # of the network, of the disk, or a checksum: rembg lets all through
        raise Unavailable(
            f"rembg could not fetch the weights of {name}. Put them into {session.model_dir()} yourself, or name a "
            "folder that has them in U2NET_HOME.",
            cause=str(error),
        ) from error
    return own


def _open(model: str, model_dir: Path, device: str) -> Network:
    from vimix.matting.networks import cuda, runtime  # with ONNX Runtime, which only a clip needs

    name = model.partition(":")[2]
    session_class = _session_class(name, model_dir)
    own = _download(session_class, name)
    library, options = runtime.silent_onnxruntime()
    on_gpu = device != "cpu" and bool(cuda.gpu())
    if device == "cuda" and not on_gpu:
        raise Unavailable("There is no NVIDIA GPU here that its driver offers.")
    if on_gpu:
        library.preload_dlls()  # CUDA and cuDNN from their own packages
    try:
        session = session_class(name, options, model_path=own, providers=[CUDA, CPU] if on_gpu else [CPU])
    except Exception as error:  # ONNX Runtime has its own for each kind of damage
        raise Unavailable(f"rembg's session {name} could not be opened.", cause=str(error)) from error
    network = getattr(session, "inner_session", None) or session.encoder  # SAM has two networks
    used = network.get_providers()[0]
    if device == "cuda" and used != CUDA:
        raise Unavailable("The GPU cannot be used by rembg.", cause=f"asked for {CUDA}, got {used}")

    def predict(rgb: Pixels) -> Pixels:
        with np.errstate(divide="ignore", invalid="ignore"):  # rembg divides by the range of a mask, which may be 0
            masks = session.predict(Image.fromarray(rgb))
        return np.asarray(np.max([np.asarray(mask.convert("L")) for mask in masks], axis=0), np.uint8)

    picture = np.random.default_rng(1).integers(0, 256, WARM_PICTURE, np.uint8)
    predict(picture)
    began = time.process_time()
    predict(picture)
    shown = processor() if used == CPU else used
    return Network(
        name=model,
        predict=predict,
        predict_fast=predict,
        runtime=Runtime("rembg", shown, "as rembg runs it", f"rembg's own session on {used}"),
        cost=time.process_time() - began,
        parallel=1,  # its session uses every core by itself
    )
