"""Vimix against what a user would run instead, as whole processes, in turn, in one run.

    python -m bench.speed [--rounds 2] [--seconds 10] [--case NAME …]

The baseline is slow, so it may run on fewer frames: its time is then what it took to start plus that many times the
time of a frame, and the table says so. Ratios of wall and processor time count; seconds belong to the machine.
"""

import argparse
import json
import statistics
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import formats
from bench.process import DATA, Spent, looped, machine, spend

FPS = 15


@dataclass(frozen=True)
class Case:
    """One line of the table."""

    name: str
    options: tuple[str, ...]
    baseline: str
    """The model the baseline runs."""
    baseline_frames: int
    """How many frames it runs; the rest is scaled."""
    target: float
    """Wall of the baseline over ours."""


CASES = (
    Case("portrait, WebP", ("--model", "portrait"), "portrait", 45, 12),
    Case("portrait, lossless WebP", ("--model", "portrait", "--lossless"), "portrait", 45, 10),
    Case("isnet best", ("--model", "isnet-general-use", "--quality", "best"), "isnet-general-use", 10, 5),
    Case("isnet balanced", ("--model", "isnet-general-use", "--quality", "balanced"), "isnet-general-use", 10, 10),
    Case("isnet fast", ("--model", "isnet-general-use", "--quality", "fast"), "isnet-general-use", 10, 25),
)
CLIPS = ("01_dog.mp4", "04_coffee.mp4")


def weights(model: str) -> str:
    """The graph that both sides run, at the size that rembg gives it: all in 32 bits, which is its fastest there.

    Made by a process of its own: a child's peak memory is never below what its parent held when it was started.
    """
    code = (
        "import json; from vimix.matting.networks import catalogue; from vimix.settings import Settings;"
        "from vimix.matting.networks.catalogue import find; from vimix.matting.networks.network import open_network;"
        f"folder = Settings.load().model_dir; list(open_network(find({model!r}), quality='best', model_dir=folder));"
        f"size = catalogue.find({model!r}).size('best'); print(json.dumps(str(folder / f'{model}-{{size}}.onnx')))"
    )
    return str(spend("-c", code).said)


def ours(clip: Path, out: Path, case: Case, seconds: float) -> Spent:
    return spend(
        "-m", "vimix", str(clip), str(out), "--fps", str(FPS), "--end", str(seconds), *case.options, "--json"
    )  # fmt: skip


def theirs(clip: Path, out: Path, case: Case, seconds: float, frames: int) -> dict[str, Any]:
    arguments = ("--model", case.baseline, "--weights", weights(case.baseline), "--fps", str(FPS))
    said = spend(
        "-m", "bench.baseline", str(clip), str(out), *arguments, "--seconds", str(seconds),
        "--frames", str(case.baseline_frames),
    ).said  # fmt: skip
    scale = frames / said["frames"]
    return {
        "wall": said["load"] + (said["wall"] - said["load"]) * scale,
        "cpu": said["cpu"] * scale,
        "bytes": said["bytes"] * scale,
        "frames": said["frames"],
    }


def measure(case: Case, clip: Path, rounds: int, seconds: float, folder: Path) -> dict[str, Any]:
    rows = []
    for _ in range(rounds):
        mine = ours(clip, folder / "ours.webp", case, seconds)
        card = mine.said["card"]
        base = theirs(clip, folder / "theirs.webp", case, seconds, card["output"]["frames"])
        rows.append(
            {
                "wall_ratio": base["wall"] / mine.wall,
                "cpu_ratio": base["cpu"] / mine.cpu,
                "bytes_ratio": card["output"]["bytes"] / base["bytes"],
                "wall": mine.wall,
                "cpu": mine.cpu,
                "baseline_wall": base["wall"],
                "baseline_frames": base["frames"],
                "frames": card["output"]["frames"],
                "peak_mb": mine.peak / 1e6,
                "timings": card["timings"],
                "engine": card["engine"],
            }
        )
    middle = {
        name: statistics.median(row[name] for row in rows)
        for name in rows[0]
        if isinstance(rows[0][name], (int, float))
    }
    return {
        "case": case.name,
        "clip": clip.name,
        "target": case.target,
        **middle,
        "engine": rows[0]["engine"],
        "timings": rows[-1]["timings"],
    }


def memory(seconds: float, folder: Path) -> dict[str, Any]:
    """Peak memory of a clip six times as long against the clip's own."""
    clip = DATA / "clips" / CLIPS[0]
    case = CASES[0]
    short = ours(looped(clip, seconds, folder / "short.mp4"), folder / "short.webp", case, seconds)
    long = ours(looped(clip, 6 * seconds, folder / "long.mp4"), folder / "long.webp", case, 6 * seconds)
    return {"short_mb": short.peak / 1e6, "long_mb": long.peak / 1e6, "ratio": long.peak / short.peak}


def table(results: list[dict[str, Any]]) -> str:
    lines = [
        "| case | clip | baseline / Vimix, wall | CPU | target | Vimix, s | baseline, s (frames) | bytes, ratio | MB |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row['case']} | {row['clip']} | **{row['wall_ratio']:.1f}** | {row['cpu_ratio']:.1f} | {row['target']:g} | "
        f"{row['wall']:.2f} | {row['baseline_wall']:.1f} ({row['baseline_frames']:.0f} of {row['frames']:.0f}) | "
        f"{row['bytes_ratio']:.2f} | {row['peak_mb']:.0f} |"
        for row in results
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--case", nargs="*", default=[case.name for case in CASES])
    parser.add_argument("--clip", nargs="*", default=list(CLIPS))
    parser.add_argument("--json", type=Path, default=Path("out/bench/speed.json"))
    parser.add_argument("--no-memory", action="store_true")
    parser.add_argument("--no-formats", action="store_true")
    asked = parser.parse_args()
    print(f"{machine()}; first {asked.seconds:g} s at {FPS} fps, whole processes, {asked.rounds} round(s)\n")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        results = [
            measure(case, DATA / "clips" / clip, asked.rounds, asked.seconds, folder)
            for case in CASES
            if case.name in asked.case
            for clip in asked.clip
        ]
        print(table(results))
        grown = {} if asked.no_memory else memory(asked.seconds, folder)
        if grown:
            print(f"\nmemory, {6 * asked.seconds:g} s against {asked.seconds:g} s: {grown['ratio']:.3f} ({grown})")
        sizes = [] if asked.no_formats else formats.measured(formats.SIZES, formats.LIGHT, 90, asked.rounds)
    asked.json.parent.mkdir(parents=True, exist_ok=True)
    said = {"machine": machine(), "speed": results, "memory": grown, "formats": sizes}
    asked.json.write_text(json.dumps(said, indent=2))


if __name__ == "__main__":
    main()
