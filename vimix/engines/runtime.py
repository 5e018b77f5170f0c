"""Where networks run: the one file that knows ONNX Runtime and OpenVINO.

On a processor the fastest of OpenVINO in bfloat16, OpenVINO in float32 and ONNX Runtime is found by running each, once
for a machine: the finding is kept beside the weights. bfloat16 is tried only where the processor multiplies it itself
(without that it was seen 18 times slower). On a GPU, ONNX Runtime with CUDA, the picture's way in and out included.
What was chosen, and why, is said in the result. Neither library is imported before it is needed, and then only one.
"""

import ctypes
import importlib
import json
import platform
import sys
import time
from collections.abc import Callable, Generator
from dataclasses import asdict, dataclass
from importlib.metadata import distributions
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vimix.engines.files import place
from vimix.errors import Unavailable
from vimix.events import Note
from vimix.threads import cores

Tensor = NDArray[np.float32]
Run = Callable[[Tensor], Tensor]
"""(1, 3, S, S) in; the first output as it comes. Any number of threads may call it."""
Compile = Callable[[Path, int, str, Path | None], Run]
SMALL = 320
"""Side up to which a network runs on one core, many side by side: it is over before threads have met."""
CLOSE = 0.02
"""How far apart on average the outputs (0-1) of bfloat16 and float32 may lie; IS-Net's lie 0.0003 apart."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What runs a network on this machine."""

    runtime: str
    """`openvino` or `onnxruntime`."""
    precision: str
    """`bf16`, `f32`, `f16`, `tf32`."""
    why: str
    cost: float
    """CPU-seconds of one run."""
    machine: str = ""
    """Processor, cores and versions that this was found on."""


def open_on_cpu(graph: Path, size: int, *, cache: Path) -> Generator[Note, None, tuple[Run, Choice]]:
    """Compile a graph with what is fastest here; yields a note where that has to be found out first."""
    cache.mkdir(parents=True, exist_ok=True)
    book = cache / f"{graph.stem}-{size}.json"
    choice = remembered(book)
    if choice is None:
        yield Note(f"Finding out what runs {graph.stem} fastest on this machine; this is done once.")
        choice = _fastest(graph, size)
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


def _machine() -> str:
    runtimes = (found for name in ("openvino", "onnxruntime-gpu", "onnxruntime") for found in distributions(name=name))
    return ", ".join((processor(), f"{cores()} cores", *(f"{found.name} {found.version}" for found in runtimes)))


def _cpuinfo(key: str) -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    return next(
        (value.strip() for name, _, value in (line.partition(":") for line in lines) if name.strip() == key), ""
    )


def processor() -> str:
    """Its name."""
    return _cpuinfo("model name") or platform.processor() or platform.machine()


def _fastest(graph: Path, size: int) -> Choice:
    candidates = [("onnxruntime", "f32"), ("openvino", "f32")]
    said = []
    if {"amx_bf16", "avx512_bf16"}.intersection(_cpuinfo("flags").split()):
        candidates.append(("openvino", "bf16"))
    else:
        said.append("openvino bf16: this processor has neither AMX nor AVX512-BF16")
    picture = np.random.default_rng(1).random((1, 3, size, size), np.float32) - np.float32(0.5)
    best: tuple[float, str, str] | None = None
    exact: Tensor | None = None
    for name, precision in candidates:
        try:
            run = RUNTIMES[name](graph, size, precision, None)
            seen = run(picture)
            cost = min(_timed(run, picture) for _ in range(2))
        except Exception as error:  # a library that cannot take this graph or this processor is one choice less
            said.append(f"{name} {precision}: {' '.join(str(error).split())[:200]}")
            continue
        exact = seen if exact is None else exact
        if precision != "f32" and float(np.abs(seen - exact).mean()) > CLOSE * max(1.0, float(np.ptp(exact))):
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


def _silent_onnxruntime() -> tuple[Any, Any]:
    """ONNX Runtime, which tells nobody of its use, and options for a session that only tells of failures."""
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime, options


def _onnxruntime(graph: Path, size: int, precision: str, cache: Path | None) -> Run:
    onnxruntime, options = _silent_onnxruntime()
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


def gpu() -> str:
    """The name of the first NVIDIA GPU that its driver offers, or nothing."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return ""
    name, device = ctypes.create_string_buffer(100), ctypes.c_int()
    if driver.cuInit(0) or driver.cuDeviceGet(ctypes.byref(device), 0):
        return ""
    driver.cuDeviceGetName(name, len(name), device)
    return name.value.decode()


def open_on_gpu(graph: Path, *, provider: str = "CUDAExecutionProvider") -> Callable[..., NDArray[np.uint8]]:
    """A graph made by `graphs.whole` on the GPU: named inputs in, its one output out.

    Raises `Unavailable`, with what the library said, rather than run anywhere else.
    """
    onnxruntime, options = _silent_onnxruntime()
    if provider == "CUDAExecutionProvider":
        onnxruntime.preload_dlls()  # CUDA and cuDNN from their own packages
    settings = {"cudnn_conv_algo_search": "HEURISTIC"} if provider == "CUDAExecutionProvider" else {}
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

    def run(**inputs: NDArray[np.generic]) -> NDArray[np.uint8]:
        alphas: NDArray[np.uint8] = session.run([exit_], inputs)[0]
        return alphas

    return run
