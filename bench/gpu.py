"""How many pictures a second each network takes on this machine's GPU, or on its processor where there is none.

    python -m bench.gpu [--device auto|cpu|cuda] [--seconds 3] [--models NAME…] [--json FILE]

720p pictures already decoded, looked at by 1, 4 and 16 threads at once: on a GPU they travel in batches. `cpu` is the
processor's time for a picture, which is what is left of decoding and encoding's share. `off` is the mean and the
largest difference of the 8-bit alpha to the same weights in float32 on the processor (ONNX Runtime).
"""

import argparse
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
from pathlib import Path

import numpy as np

from vimix.frame import Pixels
from vimix.matting.image import looker
from vimix.matting.networks import cuda, runtime
from vimix.matting.networks.catalogue import find
from vimix.matting.networks.network import Network, open_network
from vimix.settings import Settings

QUALITIES = ("fast", "balanced", "best")


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


def rate(look: Callable[[Pixels], Pixels], at_once: int, seconds: float) -> tuple[float, float]:
    """Pictures a second, and CPU milliseconds for one."""
    pictures = photographs()
    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(look, islice(cycle(pictures), at_once)))
        began, cpu, done = time.perf_counter(), time.process_time(), 0
        while time.perf_counter() - began < seconds:
            done += len(list(pool.map(look, islice(cycle(pictures), max(2 * at_once, 8)))))
        return done / (time.perf_counter() - began), (time.process_time() - cpu) / done * 1000


def off(name: str, quality: str, engine: Network, model_dir: Path) -> tuple[float, int]:
    """Mean and largest difference to float32."""
    model = find(name)
    size = model.size(quality)
    graph = model_dir / (model.file if model.graph == "as fetched" else f"{name}-{size}.onnx")
    exact = looker(model, size, runtime.RUNTIMES["onnxruntime"](graph, size, "f32", None))
    apart = [np.abs(engine.predict(rgb).astype(int) - exact(rgb)) for rgb in photographs()[:2]]
    return float(np.mean(apart)), int(np.max(apart))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--models", nargs="+", default=["isnet-general-use", "portrait"])
    parser.add_argument("--json", type=Path, default=Path("out/bench/gpu.json"))
    asked = parser.parse_args()
    settings, rows = Settings.load(), []
    for name in asked.models:
        for quality in QUALITIES if not isinstance(find(name).sizes, int) else ("balanced",):
            size = find(name).size(quality)
            if asked.device != "cpu" and cuda.gpu():
                opened(name, quality, settings, "cpu")  # makes the graph that it is compared with
            engine = opened(name, quality, settings, asked.device)
            run = engine.runtime
            mean, most = off(name, quality, engine, settings.model_dir)
            for at_once in (1, 4, 16):
                fps, cpu = rate(engine.predict, at_once, asked.seconds)
                print(
                    f"{name} {size:5} px  {run.runtime} {run.precision} on {run.device}  {at_once:3} at once  "
                    f"{fps:8.1f} pictures/s  {cpu:7.1f} ms cpu  off {mean:.3f} (largest {most})",
                    flush=True,
                )
                rows.append(
                    {"model": name, "size": size, "runtime": run.runtime, "device": run.device}
                    | {"precision": run.precision, "why": run.why, "at_once": at_once, "pictures_per_second": fps}
                    | {"cpu_ms": cpu, "off_mean": mean, "off_most": most}
                )
    asked.json.parent.mkdir(parents=True, exist_ok=True)
    asked.json.write_text(json.dumps(rows, indent=2))


if __name__ == "__main__":
    main()
