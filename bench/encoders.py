"""Every output format: processor time and bytes a frame, and lossless WebP against what Pillow writes by default.

    python -m bench.encoders [--frames 24]

Frames are a real 1280x720 clip under real masks, softened, whose box covers about a fifth of the picture; without the
data they are drawn. Only the sink is measured.
"""

import argparse
import io
import json
import resource
import tempfile
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from PIL import Image

from bench.process import DATA, machine
from tests.clips import pictures
from vimix.frame import Frame
from vimix.sinks import FORMATS, Encoding, open_sink
from vimix.sinks.pixels import floored, visible

FPS = Fraction(30000, 1001)
BEYOND = (("webp lossless", "webp", {"lossless": True}), ("apng quality 70", "apng", {"quality": 70}))


def frames(count: int) -> list[Frame]:
    clip, masks = DATA / "clips" / "01_dog.mp4", sorted((DATA / "davis" / "breakdance" / "masks").glob("*.png"))
    if clip.exists() and masks:
        with av.open(str(clip)) as file:
            rgbs = [
                frame.to_ndarray(format="rgb24") for frame, _ in zip(file.decode(video=0), range(count), strict=False)
            ]
        hard = [cv2.imread(str(masks[number % len(masks)]), cv2.IMREAD_GRAYSCALE) for number in range(count)]
        alphas = [cv2.GaussianBlur(cv2.resize(np.asarray(mask), (1280, 720)), (0, 0), 1.5) for mask in hard]
    else:
        rgbs, alphas = (list(planes) for planes in pictures(count, (1280, 720)))
    return [
        Frame(np.asarray(rgb, np.uint8), np.asarray(alpha, np.uint8), n / FPS, 1 / FPS)
        for n, (rgb, alpha) in enumerate(zip(rgbs, alphas, strict=True))
    ]


def spent() -> float:
    """Processor seconds of this process and of the programs it has run."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def measure(label: str, name: str, clip: list[Frame], how: dict[str, Any]) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "out"
        cpu, wall = spent(), time.perf_counter()
        with open_sink(name, path, Encoding(fps=FPS, **how)) as sink:
            for frame in clip:
                sink.write(frame)
        cpu, wall = spent() - cpu, time.perf_counter() - wall
        return row(label, cpu, wall, path.stat().st_size, len(clip))


def lossless_by_pillow(clip: list[Frame]) -> dict[str, object]:
    """Whole frames, colour multiplied by alpha: what a straightforward program stores."""
    size, cpu, wall = 0, spent(), time.perf_counter()
    for frame in clip:
        rgba = np.dstack(((frame.rgb * (frame.alpha[..., None] / 255.0)).astype(np.uint8), frame.alpha))
        file = io.BytesIO()
        Image.fromarray(rgba).save(file, "WEBP", lossless=True, quality=75, method=4)
        size += file.tell()
    return row("Pillow, lossless default", spent() - cpu, time.perf_counter() - wall, size, len(clip))


def row(label: str, cpu: float, wall: float, size: int, count: int) -> dict[str, object]:
    each = {"cpu_ms": 1000 * cpu / count, "wall_ms": 1000 * wall / count, "kb": size / count / 1000}
    return {"format": label} | {key: round(value, 1) for key, value in each.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--json", type=Path, default=Path("out/bench/encoders.json"))
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    clip = frames(asked.frames)
    boxes = [visible(frame.rgb, floored(frame.alpha))[0] for frame in clip]
    share = np.mean([(right - left) * (bottom - top) for left, top, right, bottom in boxes]) / clip[0].alpha.size
    for name in FORMATS:
        measure(name, name, clip[:2], {})  # libraries load and warm up
    rows = [measure(name, name, clip, {}) for name in FORMATS]
    rows += [measure(label, name, clip, dict(how)) for label, name, how in BEYOND]
    rows.append(lossless_by_pillow(clip))
    print(f"{machine()}; {len(clip)} frames of 1280x720, the subject's box {share:.0%} of the picture\n")
    print(f"| {'format':<26} | CPU ms/frame | wall ms/frame | KB/frame |")
    print("|---|---|---|---|")
    for line in rows:
        print(f"| {line['format']:<26} | {line['cpu_ms']} | {line['wall_ms']} | {line['kb']} |")
    asked.json.parent.mkdir(parents=True, exist_ok=True)
    asked.json.write_text(json.dumps({"machine": machine(), "encoders": rows}, indent=2))


if __name__ == "__main__":
    main()
