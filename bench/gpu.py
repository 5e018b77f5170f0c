"""What this machine's GPU gives: the network alone, and whole runs. Without a GPU, the same tables of its processor.

    python -m bench.gpu [--device auto|cpu|cuda] [--tables batches callers runs cores] [--clip FILE] [--json FILE]

`batches`: one session for each batch size, as `matting/networks/gpu.py` has them, the bytes of the pictures copied in
and the masks out; `first` is how long its first run takes, and the last row is one session whose size changes from run
to run. `callers`: so many callers at once through everything that a picture goes through, resizing included; `off` is
the mean and the largest difference of the 8-bit alpha to the same weights in float32 on the processor. `runs`: the
command line as a whole process, and what a second one takes beyond the work. `cores`: the same by number of cores.

`--stand-in` has the processor run the GPU's sessions: slow, and good for counting and for trying this script.
"""

import argparse
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np

from bench.process import DATA, machine, spend
from vimix.frame import Pixels
from vimix.matting.image import cpu_predictor
from vimix.matting.networks import batching, cuda, gpu, runtime
from vimix.matting.networks.catalogue import find
from vimix.matting.networks.network import Network, open_network
from vimix.settings import Settings

Row = dict[str, Any]
NETWORK = "isnet-general-use"
CALLERS = (1, 2, 3, 4, 8, 16, 32)
CORES = (1, 2, 4, 8, 16)
CHANGING = (3, 5, 3, 5, 2, 7, 2, 7)
STAND_IN = "NVIDIA stand-in (the processor)"


def photographs() -> list[Pixels]:
    """Eight 1280x720 views of a photograph, so that no two pictures in a batch are the same."""
    import cv2
    from skimage import data

    large = cv2.resize(data.astronaut(), (1600, 1600), interpolation=cv2.INTER_CUBIC)
    return [np.ascontiguousarray(large[step : step + 720, step : step + 1280]) for step in range(0, 320, 40)]


def opened(name: str, quality: str, settings: Settings, device: str) -> Network:
    steps = open_network(
        find(name), quality=quality, model_dir=settings.model_dir, mirrors=settings.mirrors, device=device
    )
    while True:
        try:
            print(f"  {next(steps).text}")
        except StopIteration as end:
            engine: Network = end.value
            return engine


def batches(settings: Settings, seconds: float) -> Iterator[Row]:
    """The network alone, by fixed batch."""
    for quality in ("balanced", "best"):
        size = find(NETWORK).size(quality)
        opened(NETWORK, quality, settings, "cuda")  # makes the graph
        (graph,) = settings.model_dir.glob(f"{NETWORK}-{size}-gpu-*.onnx")
        for batch in gpu.memory_limits(size, "f16", graph.stat().st_size, 0):
            run = runtime.open_on_gpu(graph, batch)
            pictures = np.random.default_rng(1).integers(0, 256, (batch, size, size, 3), np.uint8)
            white, pinned = np.full((batch, 1, 1, 1), 255, np.float32), cuda.pin(pictures)
            ask = partial(run, pictures, white)
            first = timed(ask)
            done, took = repeated(ask, seconds)
            yield {"size": size, "batch": batch, "pinned": pinned, "first": first, "fps": done * batch / took}
        yield {"size": size, "batch": f"changing {CHANGING}", "fps": changing(graph, size)}


def changing(graph: Path, size: int) -> float:
    """Pictures a second by one session whose batch is left open: what is avoided."""
    library, options = runtime.silent_onnxruntime()
    providers = ["CUDAExecutionProvider"] if cuda.gpu() != STAND_IN else ["CPUExecutionProvider"]
    session = library.InferenceSession(graph, options, providers=providers)
    feeds = [{"rgb": np.zeros((n, size, size, 3), np.uint8), "white": np.ones((n, 1, 1, 1), "f4")} for n in CHANGING]
    return sum(CHANGING) / timed(lambda: [session.run(None, feed) for feed in feeds])


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def repeated(work: Callable[[], object], seconds: float) -> tuple[int, float]:
    """How often, and in how many seconds; once before that is not counted."""
    work()
    began, done = time.perf_counter(), 0
    while not done or time.perf_counter() - began < seconds:
        work()
        done += 1
    return done, time.perf_counter() - began


def callers(settings: Settings, device: str, seconds: float) -> Iterator[Row]:
    """Pictures a second by how many callers there are at once."""
    pictures = photographs()
    for name, quality in ((NETWORK, "balanced"), (NETWORK, "best"), ("portrait", "balanced")):
        if device != "cpu" and cuda.gpu():
            opened(name, quality, settings, "cpu")  # makes the graph that it is compared with
        engine = opened(name, quality, settings, device)
        mean, most = off(name, quality, engine, settings.model_dir)
        for at_once in CALLERS:
            with ThreadPoolExecutor(at_once) as pool:
                ask = partial(rounds, pool, engine, pictures, at_once)
                ask()
                while engine.runtime.device == cuda.gpu() and at_once > 2 and not engine.ready.is_set():
                    ask()
                before, cpu = batching.FIGURES.copy(), time.process_time()
                done, took = repeated(ask, seconds)
                cpu, spent = time.process_time() - cpu, batching.FIGURES.since(before)
            done *= max(2 * at_once, 8)
            yield {
                "model": name, "size": find(name).size(quality), "device": engine.runtime.device,
                "precision": engine.runtime.precision, "why": engine.runtime.why, "callers": at_once,
                "fps": done / took, "cpu_ms": cpu / done * 1000, "off_mean": mean, "off_most": most,
                "mean_batch": spent.pictures / spent.batches if spent.batches else None, "padded": spent.padded,
            }  # fmt: skip


def rounds(pool: ThreadPoolExecutor, engine: Network, pictures: list[Pixels], at_once: int) -> None:
    list(pool.map(engine.predict_fast, islice(cycle(pictures), max(2 * at_once, 8))))


def off(name: str, quality: str, engine: Network, model_dir: Path) -> tuple[float, int]:
    """Mean and largest difference to float32."""
    model = find(name)
    size = model.size(quality)
    graph = model_dir / (model.file if model.graph == "as fetched" else f"{name}-{size}.onnx")
    exact = cpu_predictor(model, size, runtime.RUNTIMES["onnxruntime"](graph, size, "f32", None), quick=True)
    apart = [np.abs(engine.predict_fast(rgb).astype(int) - exact(rgb)) for rgb in photographs()[:2]]
    return float(np.mean(apart)), int(np.max(apart))


def whole(clip: Path, *options: str, device: str, cores: int = 0) -> Row:
    """One whole process of the command line, with the card that it prints."""
    with tempfile.TemporaryDirectory() as folder, busy() as shares:
        arguments = ("-m", "vimix", str(clip), f"{folder}/out.webp", "--json", "--fps", "source", *options)
        spent = spend(*arguments, env={"VIMIX_DEVICE": device}, cores=cores)
    card = spent.said["card"]
    frames, total = card["output"]["frames"], card["timings"]["total"]
    return {
        "options": " ".join(options), "asked": device, "cores": cores or os.cpu_count(), "frames": frames,
        "fps": frames / spent.wall, "fps_on_card": card["frames_per_second"], "wall": spent.wall, "cpu": spent.cpu,
        "beyond": spent.wall - total, "timings": card["timings"], "engine": card["engine"], "gpu": card.get("gpu"),
        "busy": float(np.mean(shares)) if shares else None,
    }  # fmt: skip


@contextmanager
def busy() -> Iterator[list[float]]:
    """How busy the GPU's driver says it is, in percent, sampled five times a second; nothing without its program."""
    shares: list[float] = []
    program = shutil.which("nvidia-smi")
    if program is None:
        yield shares
        return
    query = [program, "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits", "-lms", "200"]
    with subprocess.Popen(query, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield shares
        finally:
            process.terminate()
            shares += [float(line) for line in (process.stdout or []) if line.strip().replace(".", "").isdigit()]


def runs(clip: Path, device: str) -> Iterator[Row]:
    """Whole runs, each on the device that is asked for, then where `auto` and the processor take the light one."""
    for quality in ("balanced", "best", "fast"):
        yield whole(clip, "--model", NETWORK, "--quality", quality, device=device)
    for asked in dict.fromkeys((device, "auto", "cpu")):
        yield whole(clip, "--model", "portrait", device=asked)


def by_cores(clip: Path, device: str) -> Iterator[Row]:
    """Whole runs by number of cores: the light network on the processor, the default one on the device."""
    for many in CORES:
        if many <= (os.cpu_count() or 1):
            yield whole(clip, "--model", "portrait", device="cpu", cores=many)
            yield whole(clip, "--model", NETWORK, device=device, cores=many)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--tables", nargs="+", default=["batches", "callers", "runs", "cores"])
    parser.add_argument("--seconds", type=float, default=2.0, help="for each figure of `batches` and `callers`")
    parser.add_argument("--clip", type=Path, default=DATA / "clips" / "01_dog.mp4")
    parser.add_argument("--json", type=Path, default=Path("out/bench/gpu.json"))
    parser.add_argument("--stand-in", action="store_true", help="have the processor run the GPU's sessions")
    asked = parser.parse_args()
    if asked.stand_in:
        cuda.gpu = lambda: STAND_IN
        runtime.open_on_gpu = partial(runtime.open_on_gpu, provider="CPUExecutionProvider")
    card, settings = cuda.gpu() if asked.device != "cpu" else "", Settings.load()
    found: Row = {"machine": machine(), "card": card, "clip": asked.clip.name}
    makers: dict[str, Callable[[], Iterator[Row]]] = {
        "batches": lambda: batches(settings, asked.seconds) if card else iter(()),
        "callers": lambda: callers(settings, asked.device, asked.seconds),
        "runs": lambda: runs(asked.clip, asked.device),
        "cores": lambda: by_cores(asked.clip, asked.device) if (os.cpu_count() or 1) > 2 else iter(()),
    }
    asked.json.parent.mkdir(parents=True, exist_ok=True)
    print(f"{found['machine']}; {card or 'no NVIDIA GPU'}")
    for name in asked.tables:
        found[name] = []
        for row in makers[name]():
            short = {key: round(value, 2) if isinstance(value, float) else value for key, value in row.items()}
            print(name, json.dumps(short), flush=True)
            found[name].append(row)
            asked.json.write_text(json.dumps(found, indent=1))  # after each figure: a lent machine may go any time


if __name__ == "__main__":
    main()
