"""Where networks run: the one file that knows ONNX Runtime and OpenVINO."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

import numpy as np
from numpy.typing import NDArray

from vimix.threads import cores

Tensor = NDArray[np.float32]
Run = Callable[[Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class Network:
    """A network ready to run. Any number of threads may call `run`."""

    run: Run
    """(1, 3, S, S) in, the first output as it comes out."""
    runtime: str
    device: str
    precision: str
    why: str
    cost: float
    """CPU-seconds of one run."""
    parallel: int
    """Runs at once that keep the machine busy."""


def open_network(graph: Path, size: int, *, device: str, cache: Path) -> Network:
    """Compile a graph."""
    run = _openvino(graph, size, "bf16", cache)
    cost = _cost(run, size)
    return Network(run, "openvino", "cpu", "bf16", "", cost, 2)


def _cost(run: Run, size: int) -> float:
    picture = np.zeros((1, 3, size, size), np.float32)
    run(picture)
    began = time.process_time()
    run(picture)
    return time.process_time() - began


def _openvino(graph: Path, size: int, precision: str, cache: Path) -> Run:
    import openvino

    core = openvino.Core()
    settings = {
        "INFERENCE_PRECISION_HINT": precision,
        "NUM_STREAMS": str(-(-cores() // 4)),
        "INFERENCE_NUM_THREADS": str(cores()),
        "CACHE_DIR": str(cache),
    }
    compiled = core.compile_model(graph, "CPU", settings)
    idle: SimpleQueue[openvino.InferRequest] = SimpleQueue()
    for _ in range(cores() + 1):
        idle.put(compiled.create_infer_request())

    def run(picture: Tensor) -> Tensor:
        request = idle.get()
        try:
            return np.array(request.infer({0: picture}, share_inputs=True)[0])
        finally:
            idle.put(request)

    return run
