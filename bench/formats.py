"""Every output format at every size, as whole processes with a light engine, beside its encoder alone.

    python -m bench.formats [--size 480 720 1080 2160] [--format webp webm …] [--frames 90] [--rounds 2]

`python -m bench.speed` prints the same table. The encoder alone gets the frames that the run ended with, from memory,
in a process of its own with as many threads and helpers; its time does not count reading them. Of several rounds the
quickest counts for either side. The share is what the encoder alone takes of the run: by the clock, and by processor
time, which other programs on the machine disturb less.
"""

import argparse
import json
import os
import subprocess
import tempfile
import time
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the command line: a process with threads forks no helpers

import cv2
import imageio_ffmpeg
import numpy as np

from bench.encoders import spent
from bench.process import DATA, machine, spend
from vimix.concurrency.processes import processes
from vimix.concurrency.threads import cores
from vimix.frame import Frame
from vimix.options import Options
from vimix.sinks import FORMATS, Encoding, open_sink

SIZES = (480, 720, 1080, 2160)
"""Heights; pictures are 16:9."""
LIGHT = ("webp", "webm", "mov", "hevc", "mp4", "gif")
"""The formats that are measured unless others are named."""
HELD = 40
"""Frames that the encoder alone gets: at 4K they are 1.3 GB."""
FPS = Fraction(30)
WORDS = """\
`python -m bench.speed`, or `python -m bench.formats` alone: the light engine (`portrait`), whole processes. Memory
is of all of them together, "alone" the same encoder on the finished frames, the share what it takes of the run."""
HEADING = """\
| size | format | frames/s | seconds | CPU ms/frame | cores busy | MB | alone: frames/s | CPU ms | share | of CPU |
|---|---|---|---|---|---|---|---|---|---|---|"""


def clip_of(height: int, frames: int, to: Path) -> Path:
    """The bench clip at that height and 30 frames a second, as H.264, looped as far as needed."""
    ffmpeg = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-nostdin", "-y", "-stream_loop", "-1"]
    scale = f"scale={height * 16 // 9 // 2 * 2}:{height}:flags=lanczos,setpts=N/30/TB"
    code = ["-r", "30", "-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-pix_fmt", "yuv420p", "-an"]
    clip = str(DATA / "clips" / "01_dog.mp4")
    subprocess.run([*ffmpeg, "-i", clip, "-vf", scale, "-frames:v", str(frames), *code, str(to)], check=True)
    return to


def encode_alone(name: str, frames: Path, count: int) -> dict[str, float]:
    """Frames a second of writing `count` frames, the ones of a PNG zip again and again, in this process."""
    encoding = Encoding(quality=Options().encode_quality, fps=FPS, threads=cores())
    with processes(cores()), zipfile.ZipFile(frames) as pictures, tempfile.TemporaryDirectory() as folder:
        clip = [_frame(pictures.read(entry)) for entry in sorted(pictures.namelist()) if entry.endswith(".png")]
        began, before = time.perf_counter(), spent()
        with open_sink(name, Path(folder) / "out", encoding) as sink:
            for number in range(count):
                sink.write(replace(clip[number % len(clip)], time=number / FPS, duration=1 / FPS))
        took = time.perf_counter() - began
    return {"fps": count / took, "cpu_ms": 1000 * (spent() - before) / count}  # helpers count once they have ended


def _frame(png: bytes) -> Frame:
    rgba = np.asarray(cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED), np.uint8)
    rgb, alpha = cv2.cvtColor(rgba, cv2.COLOR_BGRA2RGB), np.ascontiguousarray(rgba[..., 3])
    return Frame(np.asarray(rgb, np.uint8), alpha, Fraction(0), 1 / FPS)


def measure(height: int, names: Sequence[str], frames: int, rounds: int, folder: Path) -> list[dict[str, Any]]:
    """The rows of one size."""
    clip = clip_of(height, frames, folder / f"{height}.mp4")
    ready = folder / f"{height}.zip"
    end = HELD / float(FPS)
    spend(*_command(clip, ready, "png-zip"), "--end", str(end))
    rows = []
    for name in names:
        out = folder / f"result{FORMATS[name].suffix}"
        runs, alone = [], []
        for _ in range(rounds):
            runs.append(spend(*_command(clip, out, name), tree=True))
            alone.append(spend("-m", "bench.formats", "--alone", name, str(ready), "--frames", str(frames)).said)
        best = min(runs, key=lambda run: run.wall)
        quickest, least = max(one["fps"] for one in alone), min(one["cpu_ms"] for one in alone)
        cpu = 1000 * min(run.cpu for run in runs) / frames
        rows.append(
            {
                "height": height,
                "format": name,
                "frames": frames,
                "wall": best.wall,
                "fps": frames / best.wall,
                "cpu_ms": cpu,
                "busy": best.cpu / best.wall,
                "peak_mb": max(run.peak for run in runs) / 1e6,
                "alone_fps": quickest,
                "alone_cpu_ms": least,
                "share": frames / best.wall / quickest,
                "cpu_share": least / cpu,
                "timings": best.said["card"]["timings"],
            }
        )
        print(row(rows[-1]), flush=True)
    return rows


def measured(sizes: Sequence[int], names: Sequence[str], frames: int, rounds: int) -> list[dict[str, Any]]:
    """All rows, printed as they come."""
    print(f"\n{machine()}; {frames} frames, portrait, whole processes, best of {rounds}\n\n{HEADING}")
    with tempfile.TemporaryDirectory() as folder:
        return [one for height in sizes for one in measure(height, names, frames, rounds, Path(folder))]


def _command(clip: Path, out: Path, name: str) -> list[str]:
    behind = ["--background", "#20a040"] if name == "mp4" else []  # it has no transparency
    light = ["--model", "portrait", "--fps", "source", "--json"]
    return ["-m", "vimix", str(clip), str(out), "--format", name, *light, *behind]


def row(one: dict[str, Any]) -> str:
    """A line of the table."""
    return (
        f"| {one['height']}p | {one['format']} | **{one['fps']:.1f}** | {one['wall']:.1f} | {one['cpu_ms']:.1f} | "
        f"{one['busy']:.2f} | {one['peak_mb']:.0f} | {one['alone_fps']:.1f} | "
        f"{one['alone_cpu_ms']:.1f} | {one['share']:.2f} | {one['cpu_share']:.2f} |"
    )


def table(rows: list[dict[str, Any]]) -> str:
    """The whole of it."""
    return "\n".join([HEADING, *map(row, rows)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, nargs="*", default=list(SIZES))
    parser.add_argument("--format", nargs="*", default=list(LIGHT), choices=list(FORMATS))
    parser.add_argument("--frames", type=int, default=90)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--json", type=Path, default=Path("out/bench/formats.json"))
    parser.add_argument("--alone", nargs=2, metavar=("FORMAT", "FRAMES"), help="time the encoder on a zip of PNGs")
    asked = parser.parse_args()
    if asked.alone:
        print(json.dumps(encode_alone(asked.alone[0], Path(asked.alone[1]), asked.frames)))
        return
    rows = measured(asked.size, asked.format, asked.frames, asked.rounds)
    asked.json.parent.mkdir(parents=True, exist_ok=True)
    asked.json.write_text(json.dumps({"machine": machine(), "formats": rows}, indent=2))


if __name__ == "__main__":
    main()
