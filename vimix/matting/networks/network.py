"""A network of the catalogue, opened: fetched, made ready for this machine, and compiled once per process."""

import os
import threading
import time
from collections.abc import Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from vimix.errors import Unavailable, tidy
from vimix.events import Note, returned
from vimix.matting.engine import Predict, Runtime
from vimix.matting.image import Segment, cpu_predictor, predictor, segment_floats
from vimix.matting.networks.catalogue import Model
from vimix.matting.networks.cpu import machine, processor
from vimix.matting.networks.device import LIGHT, Comparison, rate, remember, remembered
from vimix.matting.networks.graph_files import cpu_graph, gpu_graph
from vimix.private_folder import private_folder

LENT = "zerogpu:"
"""Begins the name of a device that is lent by another process of ours."""


@dataclass(frozen=True, slots=True)
class Network:
    """A model, ready to predict."""

    name: str
    predict: Predict
    predict_fast: Predict
    """With quicker resizing, for tracking: a tenth of the time beside the network, and no worse there."""
    runtime: Runtime
    cost: float
    """CPU-seconds of one prediction."""
    parallel: int
    """Predictions at once that keep the machine busy."""
    ready: threading.Event = field(default_factory=threading.Event)
    """Set once all that makes it fast on a GPU is prepared."""


_open: dict[tuple[object, ...], Network] = {}
_opening: dict[tuple[object, ...], threading.Lock] = {}


def open_network(
    model: Model,
    *,
    quality: str,
    model_dir: Path,
    mirrors: Sequence[str] = (),
    device: str = "auto",
    sharing: int = 1,
) -> Generator[Note, None, Network]:
    """The network of that row, fetched and compiled if need be; yields what is being waited for.

    Opened once per process and size. `device` is `auto`, `cpu` or `cuda`; `sharing` processes share a GPU's memory.
    Raises `Unavailable` where weights or the device cannot be had.
    """
    key = (model.name, model.size(quality), model_dir, device)
    lock = _opening.setdefault(key, threading.Lock())
    while not lock.acquire(timeout=0.5):
        yield Note(f"Waiting while {model.name} is prepared.")
    try:
        if key not in _open:
            source = model_dir / model.file
            if not model.is_here(model_dir):
                from vimix.matting.networks import (
                    weights,  # a tenth of a process's start, and needed once in a machine's life
                )

                source = yield from weights.fetch(model, model_dir, mirrors)
            _open[key] = yield from _prepare(model, model.size(quality), _with_room(source), device, sharing)
    finally:
        lock.release()
    return _open[key]


def _with_room(source: Path) -> Path:
    """The file where more can be kept beside it: itself, or a link to it where its folder cannot be written, as in a
    container with a root that is read only."""
    if os.access(source.parent, os.W_OK):
        return source
    try:
        folder = private_folder("models")
    except OSError as error:
        raise Unavailable(
            "The folder for models cannot be written (VIMIX_MODEL_DIR), nor the one for temporary files.",
            cause=str(error),
        ) from error
    link = folder / source.name
    with suppress(FileExistsError):
        link.symlink_to(source.absolute())
    return link


def _prepare(model: Model, size: int, source: Path, device: str, sharing: int) -> Generator[Note, None, Network]:
    from vimix.matting.networks import cuda

    if device.startswith(LENT):
        return (yield from _on_lent_gpu(model, size, source, device))
    card = cuda.gpu() if device in ("auto", "cuda") else ""
    if device == "cuda" and not card:
        raise Unavailable("There is no NVIDIA GPU here that its driver offers.")
    if not card:
        return (yield from _on_cpu(model, size, source))
    book = source.parent / "compiled" / f"{model.name}-{size}-device.json"
    light = device == "auto" and source.stat().st_size <= LIGHT
    found = remembered(book, card) if light else None
    if found is not None and not found.gpu_is_faster:
        return (yield from _on_cpu(model, size, source, f"{found.sentence}. "))
    try:
        on_gpu = yield from _on_gpu(model, size, source, card, sharing)
    except Unavailable as error:
        if device == "cuda":
            raise
        yield Note(f"{card} cannot be used; going on with the processor.")
        left = f"{card} was left aside: {error.cause or error.public}. "
        return (yield from _on_cpu(model, size, source, left))
    if not light:
        return on_gpu
    if found is None:
        yield Note(f"Finding out whether {card} or the processor is faster for {model.name}; this is done once.")
        on_cpu = yield from _on_cpu(model, size, source)
        rates = rate(on_gpu.predict, on_gpu.parallel, on_gpu.ready.is_set), rate(on_cpu.predict, on_cpu.parallel)
        found = Comparison(*rates, card, machine())
        remember(book, found)
    chosen = on_gpu if found.gpu_is_faster else on_cpu
    return replace(chosen, runtime=replace(chosen.runtime, why=f"{found.sentence}. {chosen.runtime.why}"))


def _on_cpu(model: Model, size: int, source: Path, left: str = "") -> Generator[Note, None, Network]:
    """`left`: why a GPU that is there is not used."""
    from vimix.matting.networks import runtime

    try:
        graph = yield from cpu_graph(model, size, source)
    except Unavailable as error:
        native = model.size("best")
        if model.graph != "resized" or size == native:
            raise
        left += f"This file could not be brought to {size} px ({error.cause[:200]}); it looks at {native} px. "
        yield Note(f"{model.name} looks at {native} pixels, which is slower: its file cannot be brought to {size}.")
        size, graph = native, (yield from cpu_graph(model, native, source))
    known = model.name if model.graph == "resized" and size < model.size("best") else ""  # a still at its best is exact
    try:
        run, found = yield from runtime.open_on_cpu(graph, size, cache=source.parent / "compiled", known=known)
    except Exception as error:  # of a dozen kinds, by library and by where the file was cut off
        if isinstance(error, MemoryError):
            raise
        if graph == source:
            raise _cannot_load(model, source, error) from error
        yield Note(f"{graph.name} is damaged; it is made again.")
        for made in graph.parent.glob(f"{graph.stem}*.onnx"):  # its copy in integers as well
            made.unlink(missing_ok=True)
        graph = yield from cpu_graph(model, size, source)
        run, found = yield from runtime.open_on_cpu(graph, size, cache=source.parent / "compiled", known=known)
    return Network(
        name=model.name,
        predict=cpu_predictor(model, size, run),
        predict_fast=cpu_predictor(model, size, run, quick=True),
        runtime=Runtime(found.runtime, processor(), found.precision, left + found.why),
        cost=found.cost,
        parallel=runtime.parallel(size),
    )


def _cannot_load(model: Model, source: Path, error: Exception) -> Unavailable:
    """Why the fetched weights do not load: damaged they are only where their checksum is not the table's."""
    from vimix.matting.networks import weights

    if not weights.intact(model, source):
        return Unavailable(
            f"The weights of {model.name} are damaged: delete {source.name} in VIMIX_MODEL_DIR, and they are fetched "
            "again.",
            cause=str(error),
        )
    if isinstance(error, Unavailable):
        return error
    return Unavailable(f"{model.name} could not be loaded on this machine.", cause=str(error))


def _on_gpu(model: Model, size: int, source: Path, card: str, sharing: int) -> Generator[Note, None, Network]:
    from vimix.matting.networks import gpu

    target, precision = yield from gpu_graph(model, size, source, card)
    opened = gpu.open_sizes(target, size, precision, sharing=sharing)
    predict = predictor(model, size, opened.segment)
    picture = np.zeros((720, 1280, 3), np.uint8)
    predict(picture)
    began = time.process_time()
    predict(picture)
    return Network(
        name=model.name,
        predict=predict,
        predict_fast=predictor(model, size, opened.segment, quick=True),
        runtime=Runtime("onnxruntime", card, precision, f"the GPU is here{_bounded(opened.limit)}"),
        cost=time.process_time() - began,
        parallel=opened.parallel,
        ready=opened.ready,
    )


def _on_lent_gpu(model: Model, size: int, source: Path, device: str) -> Generator[Note, None, Network]:
    """On a GPU that is lent for a minute at a time, for networks that are worth it; else on the processor."""
    from vimix.matting.networks import lent, runtime

    if source.stat().st_size <= LIGHT:
        return (yield from _on_cpu(model, size, source, "too light a network for a lent GPU. "))

    def otherwise() -> Segment:
        graph = returned(cpu_graph(model, size, source))
        run, _ = returned(runtime.open_on_cpu(graph, size, cache=source.parent / "compiled"))
        return segment_floats(model, run)

    try:
        target, precision = yield from gpu_graph(model, size, source, "a GPU")
        yield Note("Waiting for a GPU to be lent.")
        segment, card = lent.open_lent(device, target, size, precision, otherwise)
    except Unavailable as error:
        yield Note("No GPU is lent at the moment; going on with the processor.")
        return (yield from _on_cpu(model, size, source, f"No GPU was lent: {error.cause or error.public}. "))
    return Network(
        name=model.name,
        predict=predictor(model, size, segment),
        predict_fast=predictor(model, size, segment, quick=True),
        runtime=Runtime("onnxruntime", card, precision, "the GPU is lent in slices of at most a minute"),
        cost=0.01,
        parallel=2,
    )


def _bounded(limit: int) -> str:
    return f"; at most {tidy(limit / 2**30)} GB of its memory" if limit else ""


def remembered_choice(model: Model, model_dir: Path) -> Runtime | None:
    """What a processor runs `model` with at `balanced`, if that was found out on this machine; nothing is loaded."""
    from vimix.matting.networks import runtime

    size = model.size("balanced")
    choice = runtime.remembered(model_dir / "compiled" / f"{model.name}-{size}-{size}.json")
    if choice is None:
        return None
    return Runtime(choice.runtime, choice.machine.split(",")[0], choice.precision, choice.why)
