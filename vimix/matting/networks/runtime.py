"""Where networks run: the one file that knows ONNX Runtime and OpenVINO.

On a processor the fastest of OpenVINO in 8-bit integers, in bfloat16 and in float32, and ONNX Runtime is found by
running each, once for a machine: the finding is kept beside the weights. Integers and bfloat16 are tried only where the
processor multiplies them itself (bfloat16 was seen 18 times slower without). On a GPU, ONNX Runtime with CUDA, the
picture's way in and out included. What was chosen, and why, is said in the result. Neither library is imported before
it is needed, and then only one.
"""

import importlib
import json
import os
import sys
import time
from collections.abc import Callable, Generator
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vimix.concurrency.files import place
from vimix.concurrency.threads import cores
from vimix.errors import Unavailable
from vimix.events import Note
from vimix.matting.networks.cpu import NATIVE, multiplies
from vimix.matting.networks.cpu import machine as _machine

Tensor = NDArray[np.float32]
Run = Callable[[Tensor], Tensor]
"""(1, 3, S, S) in; the first output as it comes. Any number of threads may call it."""
Compile = Callable[[Path, int, str, Path | None], Run]
SMALL = 320
"""Side up to which a network runs on one core, many side by side: it is over before threads have met."""
CLOSE = {"bf16": 0.02, "int8": 0.001}
"""How far apart on average the outputs (0-1) of fewer bits and of float32 may lie on a drawn picture. IS-Net's lie
0.00001 and 0.00004 apart, and 0.007 where all its activation ranges are halved; photographs, 0.0015."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What runs a network on this machine."""

    runtime: str
    """`openvino` or `onnxruntime`."""
    precision: str
    """`int8`, `bf16`, `f32`, `f16`, `tf32`."""
    why: str
    cost: float
    """CPU-seconds of one run."""
    machine: str = ""
    """Processor, cores and versions that this was found on."""


def open_on_cpu(graph: Path, size: int, *, cache: Path, known: str = "") -> Generator[Note, None, tuple[Run, Choice]]:
    """Compile a graph with what is fastest here; yields a note where that has to be found out first. `known` is the
    network's name where `onnx_graphs.quantize_int8` may make its like in 8-bit integers."""
    cache.mkdir(parents=True, exist_ok=True)
    book = cache / f"{graph.stem}-{size}.json"
    choice = remembered(book)
    if choice is None or (choice.precision == "int8" and not _int8_path(graph).is_file()):
        yield Note(f"Finding out what runs {graph.stem} fastest on this machine; this is done once.")
        choice = _fastest(graph, size, known)
        place(book, json.dumps(asdict(choice)).encode())
    return RUNTIMES[choice.runtime](graph, size, choice.precision, cache), choice


def parallel(size: int) -> int:
    """Runs at once that keep the machine busy."""
    return _streams(size) + (size > SMALL)


def _streams(size: int) -> int:
    """Runs side by side: large networks share up to eight cores each, so that a lone run is fast as well."""
    return cores() if size <= SMALL else -(-cores() // 8)


def remembered(book: Path) -> Choice | None:
    """What was found out on this very machine, if it was."""
    try:
        choice = Choice(**json.loads(book.read_bytes()))
    except (OSError, ValueError, TypeError):
        return None
    return choice if choice.machine == _machine() else None


def _int8_path(graph: Path) -> Path:
    return graph.with_name(f"{graph.stem}-int8.onnx")


def _test_picture(size: int) -> Tensor:
    """A picture (1, 3, S, S) of a bright disc with a dark one on it, and grain: in noise a network sees nothing."""
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    plane = 0.3 * x - 0.2 + 0.6 * (np.hypot(x, y) < 0.5) - 0.5 * (np.hypot(x - 0.1, y + 0.2) < 0.2)
    grain = np.random.default_rng(1).normal(0, 0.03, (1, 3, size, size))
    return np.asarray(plane * np.array([1, 0.7, 0.4]).reshape(1, 3, 1, 1) + grain, np.float32)


def _fastest(graph: Path, size: int, known: str) -> Choice:
    candidates = [("onnxruntime", "f32"), ("openvino", "f32")]
    said = []
    for precision in NATIVE if known else ("bf16",):
        if multiplies(precision):
            candidates.append(("openvino", precision))
        else:
            said.append(f"openvino {precision}: this processor has no instructions for it")
    picture = _test_picture(size)
    best: tuple[float, str, str] | None = None
    exact: Tensor | None = None
    for name, precision in candidates:
        try:
            if precision == "int8":
                importlib.import_module("vimix.matting.networks.onnx_graphs").quantize_int8(
                    graph, _int8_path(graph), name=known
                )
            run = RUNTIMES[name](graph, size, precision, None)
            seen = run(picture)
            cost = min(_timed(run, picture) for _ in range(2))
        except Exception as error:  # a library that cannot take this graph or this processor is one choice less
            said.append(f"{name} {precision}: {' '.join(str(error).split())[:200]}")
            continue
        exact = seen if exact is None else exact
        if precision in CLOSE and np.abs(seen - exact).mean() > CLOSE[precision] * max(1.0, float(np.ptp(exact))):
            said.append(f"{name} {precision}: its result differs")
            continue
        said.append(f"{name} {precision} {cost * 1000:.0f} ms")
        if best is None or cost < best[0]:
            best = cost, name, precision
    why = "CPU time of a run: " + "; ".join(said)
    if best is None:
        raise Unavailable("No runtime on this machine can run the model.", cause=why)
    return Choice(best[1], best[2], why, best[0], _machine())


def _timed(run: Run, picture: Tensor) -> float:
    began = time.process_time()
    run(picture)
    return time.process_time() - began


def _openvino(graph: Path, size: int, precision: str, cache: Path | None) -> Run:
    openvino = _silent_openvino()
    if precision == "int8":  # what is left of it in floats is so as it suits the processor
        graph, precision = _int8_path(graph), "bf16" if multiplies("bf16") else "f32"
    settings: dict[str, object] = {
        "INFERENCE_PRECISION_HINT": precision,
        "NUM_STREAMS": str(_streams(size)),
        "INFERENCE_NUM_THREADS": str(cores()),
    }
    if cache is not None:  # a third of the time to compile, for a second copy of the weights on disk
        settings["CACHE_DIR"] = str(cache)
    core = openvino.Core()
    compiled = core.compile_model(graph, "CPU", settings)
    idle: SimpleQueue[Any] = SimpleQueue()
    for _ in range(_streams(size) + 1):
        idle.put(compiled.create_infer_request())

    def run(picture: Tensor) -> Tensor:
        request = idle.get()
        try:
            return np.array(request.infer({0: picture}, share_inputs=True)[0])  # its own memory is used again
        finally:
            idle.put(request)

    return run


def _silent_openvino() -> Any:
    """OpenVINO without its converter of models, which we need not, and which tells Google Analytics of each import."""
    converter = "openvino.tools.ovc"
    if "openvino" not in sys.modules:
        sys.modules[converter] = None  # type: ignore[assignment]
    openvino = importlib.import_module("openvino")
    if sys.modules.get(converter, True) is None:
        del sys.modules[converter]
    return openvino


def silent_onnxruntime() -> tuple[Any, Any]:
    """ONNX Runtime, which tells nobody of its use, and options for a session that only tells of failures."""
    os.putenv("ORT_DISABLE_TELEMETRY", "1")  # it reads this at its import, and would write a device's id before a call
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime, options


def _onnxruntime(graph: Path, size: int, precision: str, cache: Path | None) -> Run:
    onnxruntime, options = silent_onnxruntime()
    options.intra_op_num_threads = max(1, cores() // _streams(size))
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # the cores have other work
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    entry, exit_ = session.get_inputs()[0].name, session.get_outputs()[0].name

    def run(picture: Tensor) -> Tensor:
        seen: Tensor = session.run([exit_], {entry: picture})[0]
        return seen

    return run


RUNTIMES: dict[str, Compile] = {"openvino": _openvino, "onnxruntime": _onnxruntime}


Batch = Callable[[NDArray[np.uint8], Tensor], NDArray[np.uint8]]
"""`rgb` (B, S, S, 3) and `white` (B, 1, 1, 1) of `onnx_graphs.fuse_pre_and_post`, always of the same B, to masks (B, S,
S)."""


def open_on_gpu(graph: Path, batch: int, *, memory: int = 0, provider: str = "CUDAExecutionProvider") -> Batch:
    """A graph of `onnx_graphs.fuse_pre_and_post` on the GPU, for that many pictures and no other number.

    A session for each number, because one session plans all its convolutions anew whenever the number changes, also
    back to one it has seen (ONNX Runtime from 1.20 on, microsoft/onnxruntime#23006): a third of a second each time.
    `memory`: bytes of the GPU that the session may fill; 0: no limit. The pictures are copied to the GPU inside of a
    run, without the interpreter's lock; I/O binding would copy them when they are bound, with it.
    Raises `Unavailable`, with what the library said, rather than run anywhere else.
    """
    onnxruntime, options = silent_onnxruntime()
    options.add_free_dimension_override_by_name("n", batch)
    settings: dict[str, str] = {}
    if provider == "CUDAExecutionProvider":
        onnxruntime.preload_dlls()  # CUDA and cuDNN from their own packages
        # As quick as an exhaustive search, which takes 2.3 s instead of 0.3 for each shape (measured on an H200).
        settings = {"cudnn_conv_algo_search": "HEURISTIC", "arena_extend_strategy": "kSameAsRequested"}
        settings |= {"gpu_mem_limit": str(memory)} if memory else {}
    try:
        session = onnxruntime.InferenceSession(graph, options, providers=[(provider, settings)])
    except Exception as error:
        raise Unavailable("The GPU cannot be used.", cause=str(error)) from error
    if session.get_providers()[0] != provider:
        raise Unavailable(
            "The GPU cannot be used: the CUDA libraries that ONNX Runtime needs did not load.",
            cause=f"asked for {provider}, got {session.get_providers()}; pip install onnxruntime-gpu[cuda,cudnn]",
        )
    exit_ = session.get_outputs()[0].name

    def run(rgb: NDArray[np.uint8], white: Tensor) -> NDArray[np.uint8]:
        masks: NDArray[np.uint8] = session.run([exit_], {"rgb": rgb, "white": white})[0]
        return masks

    return run
