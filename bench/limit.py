"""How close a run comes to what the hardware allows, in one warm process.

    python -m bench.limit [--seconds 10] [--clip FILE]

The limit is the looking alone plus the encoding alone, each on all cores over frames that are in memory already: no
decoding, no refining, no waiting. The share is that limit over the wall time of the whole run. A second share has
libwebp encode (method 4, its default) in the limit, not in the run: what quicker encoding takes from the limit, it
does not take from the share then. The same process says how soon a second job shows its first frame.
"""

import argparse
import io
import json
import os
import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the command line: a process with threads forks no helpers

import numpy as np
from PIL import Image

from bench.process import DATA, machine
from vimix.concurrency.processes import processes
from vimix.concurrency.threads import cores, in_order
from vimix.events import Done, Progress, returned
from vimix.frame import Frame
from vimix.matting.networks.network import open_network
from vimix.matting.registry import find
from vimix.options import Options
from vimix.pipeline.request import Resources
from vimix.pipeline.run import run
from vimix.settings import Settings
from vimix.sinks import Encoding, open_sink

CASES = (("portrait", "balanced", 0.90), ("isnet-general-use", "best", 0.85), ("isnet-general-use", "balanced", 0.85))
HEADING = """\
| model | quality | frames/s | looking alone, ms | encoding | by libwebp | share of the limit | by libwebp | target |
|---|---|---|---|---|---|---|---|---|"""
HELD = 90
"""Frames kept in memory for the parts alone; their time is scaled to the clip's."""


def libwebp(frame: Frame) -> int:
    """What most programs encode with; the bytes."""
    file = io.BytesIO()
    rgba = Image.fromarray(np.dstack([frame.rgb, frame.alpha]))
    rgba.save(file, "WEBP", quality=Encoding().quality, method=4)
    return len(file.getvalue())


def parts_alone(
    options: Options, resources: Resources, matted: list[Frame], folder: Path
) -> tuple[float, float, float]:
    """Seconds a frame of looking alone, of encoding alone, and of libwebp's encoding alone."""
    engine = returned(open_network(find(options.model), quality=options.quality, model_dir=resources.model_dir))
    times = [time.perf_counter()]
    for _ in in_order(lambda frame: engine.predict(frame.rgb), matted, workers=engine.parallel):
        pass
    times.append(time.perf_counter())
    with open_sink(options.format, folder / "alone.webp", Encoding(threads=resources.threads)) as sink:
        for frame in matted:
            sink.write(frame)
    times.append(time.perf_counter())
    for _ in in_order(libwebp, matted, workers=resources.threads):
        pass
    times.append(time.perf_counter())
    looking, encoding, theirs = np.diff(times) / len(matted)
    return float(looking), float(encoding), float(theirs)


def measure(clip: Path, model: str, quality: str, seconds: float, folder: Path) -> dict[str, Any]:
    resources = Resources.of(Settings.load())
    options = Options.parse({"model": model, "quality": quality, "fps": 15, "end": seconds})
    out = folder / "out.webp"
    for _ in run(clip, out, options.model_copy(update={"end": 0.5}), resources):
        pass  # warm: weights loaded, network compiled
    began, first, matted, done = time.perf_counter(), 0.0, [], None
    for event in run(clip, out, options, resources):
        if isinstance(event, Progress):
            first = first or time.perf_counter() - began
        elif isinstance(event, Done):
            done = event
    wall = time.perf_counter() - began
    assert done is not None
    for event in islice(run(clip, out, options, resources), HELD):
        if isinstance(event, Progress):
            matted.append(event.frame)
    looking, encoding, theirs = parts_alone(options, resources, matted, folder)
    frames = done.card["output"]["frames"]
    return {
        "model": model,
        "quality": quality,
        "frames": frames,
        "wall": wall,
        "fps": frames / wall,
        "looking_ms": looking * 1000,
        "encoding_ms": encoding * 1000,
        "libwebp_ms": theirs * 1000,
        "share": frames * (looking + encoding) / wall,
        "libwebp_share": frames * (looking + theirs) / wall,
        "first_frame": first,
        "timings": done.card["timings"],
    }


def table_row(row: dict[str, Any]) -> str:
    alone = " | ".join(f"{row[name]:.1f}" for name in ("fps", "looking_ms", "encoding_ms", "libwebp_ms"))
    shares = f"**{row['share']:.2f}** | {row['libwebp_share']:.2f}"
    return f"| {row['model']} | {row['quality']} | {alone} | {shares} | {row['target']} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--clip", type=Path, default=DATA / "clips" / "01_dog.mp4")
    parser.add_argument("--json", type=Path, default=Path("out/bench/limit.json"))
    asked = parser.parse_args()
    print(f"{machine()}; {asked.clip.name}, first {asked.seconds:g} s at 15 fps, warm process\n")
    print(HEADING)
    rows = []
    with tempfile.TemporaryDirectory() as temporary, processes(cores()):
        for model, quality, target in CASES:
            row = measure(asked.clip, model, quality, asked.seconds, Path(temporary)) | {"target": target}
            rows.append(row)
            print(table_row(row), flush=True)
    print(f"\nstart of a second job until its first frame: {max(row['first_frame'] for row in rows):.2f} s")
    asked.json.parent.mkdir(parents=True, exist_ok=True)
    asked.json.write_text(json.dumps({"machine": machine(), "limit": rows}, indent=2))


if __name__ == "__main__":
    main()
