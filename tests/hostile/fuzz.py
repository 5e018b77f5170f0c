"""Seeded damage to small clips of every kind: whatever the bytes, the answer is frames or a sentence.

    python -m tests.hostile.fuzz --variants 5000 --seed 7 [--kind mp4]

All variants of a kind run in one child process. A crash, a hang, an exception that is not ours, or memory without
bound is a bug: its file is kept, its seed and number printed, and it becomes a test in test_fuzz.py.
"""

import argparse
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from tests import clips
from vimix.errors import Refused, UsageError, VimixError
from vimix.media.decode import open_source
from vimix.media.limits import Limits, guard

LIMITS = Limits(max_seconds=30, max_frames=300, max_pixels=1_000_000, max_bytes=2**20)
SLOW = 10
"""Seconds for one variant of a clip that takes milliseconds."""
MEMORY = 600
"""Megabytes above the start."""
SEEDS: dict[str, Callable[[Path], clips.Drawn]] = {
    "mp4": lambda folder: clips.draw(folder / "seed.mp4", frames=5, audio=True),
    "mov": lambda folder: clips.draw(folder / "seed.mov", frames=3, alpha=True, size=(48, 32)),
    "webm": lambda folder: clips.draw(folder / "seed.webm", frames=5, alpha=True, audio=True),
    "mkv": lambda folder: clips.draw(folder / "seed.mkv", frames=5, variable=True),
    "avi": lambda folder: clips.draw(folder / "seed.avi", frames=5),
    "gif": lambda folder: clips.draw_gif(folder / "seed.gif", frames=4, alpha=True),
    "webp": lambda folder: clips.draw_webp(folder / "seed.webp", frames=4, alpha=True),
    "apng": lambda folder: clips.draw_apng(folder / "seed.apng", frames=4, alpha=True),
    "jpeg": lambda folder: clips.draw_still(folder / "seed.jpg", orientation=6),
    "heic": lambda folder: clips.draw_still(folder / "seed.heic"),
    "avif": lambda folder: clips.draw_still(folder / "seed.avif", alpha=True),
}
KINDS = ("mp4", "webm", "mkv", "gif", "webp")
"""Those of every run of the tests."""


def damaged(data: bytes, seed: str) -> bytes:
    """The same bytes for the same seed: bits flipped, numbers made extreme, parts moved, doubled or lost."""
    chance = random.Random(seed)
    changed = bytearray(data)
    reach = chance.choice((64, 512, len(data), len(data)))  # headers are the weak part
    for _ in range(chance.choice((1, 1, 2, 4, 16, 64))):
        at = chance.randrange(min(reach, len(changed)) or 1)
        match chance.randrange(8):
            case 0 | 1 | 2:
                changed[at] ^= 1 << chance.randrange(8)
            case 3:
                changed[at] = chance.choice((0, 1, 0x7F, 0x80, 0xFF))
            case 4:
                changed[at : at + 4] = chance.choice((b"\0" * 4, b"\xff" * 4, b"\x7f\xff\xff\xff", b"\x80\0\0\0"))
            case 5:
                end = at + chance.randrange(1, 64)
                changed[at:end] = chance.randbytes(min(end, len(changed)) - at)
            case 6:
                del changed[at : at + chance.randrange(1, 32)]
            case 7:
                changed[at:at] = changed[at : at + chance.randrange(1, 64)]
        if len(changed) < 16:
            break
    return bytes(changed[: chance.randrange(len(changed))] if chance.random() < 0.1 else changed)


def outcome(path: Path, *, part: bool = False) -> str:
    """`frames`, or the name of our refusal; anything else is raised. `part` seeks, thins out and makes smaller."""
    how: dict[str, float] = {"start": 0.25, "end": 0.45, "max_fps": 8, "max_width": 40} if part else {}
    try:
        source = open_source(path, **how, limits=LIMITS)  # type: ignore[arg-type]
        with closing(guard(LIMITS)(source.frames())) as frames:
            for _ in frames:
                pass
    except VimixError as error:
        if not isinstance(error, Refused) and not (part and isinstance(error, UsageError)):
            raise
        if not error.public.endswith(".") or "/" in error.public.replace("sRGB/", ""):
            raise AssertionError(f"not a sentence: {error.public}") from error
        return type(error).__name__
    return "frames"


def child(kind: str, seed: int, first: int, count: int, folder: Path) -> None:
    """Run the variants, telling the number of each before it is begun; ends at the first bug."""
    data = SEEDS[kind](folder).path.read_bytes()
    suffix = SEEDS[kind](folder).path.suffix
    path = folder / f"variant{suffix}"
    start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seen: Counter[str] = Counter()
    for number in range(first, first + count):
        path.write_bytes(damaged(data, f"{kind} {seed} {number}"))
        print(number, flush=True)
        signal.alarm(SLOW)
        seen[outcome(path, part=number % 3 == 2)] += 1
        signal.alarm(0)
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - start) / 1024
        if grown > MEMORY:
            raise MemoryError(f"{grown:.0f} MB more than at the start")
    print(json.dumps(seen), flush=True)


def fuzz(kind: str, *, seed: int, count: int, keep: Path | None = None) -> Iterator[tuple[int, str] | dict[str, int]]:
    """Run `count` variants of `kind`; yields (number, what happened) for each bug, and last what came of the rest."""
    total: Counter[str] = Counter()
    first = 0
    with tempfile.TemporaryDirectory(prefix="vimix-fuzz-") as name:
        while first < count:
            command = [sys.executable, "-m", "tests.hostile.fuzz", "--child", kind, str(seed), str(first)]
            done = subprocess.run(
                [*command, str(count - first), name],
                capture_output=True,
                text=True,
                cwd=Path(__file__).parents[2],
                env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
            )
            *numbers, last = done.stdout.split("\n")[:-1] or ["0"]
            if done.returncode == 0:
                total.update(json.loads(last))
                break
            bug = int(last)
            if keep is not None:
                (variant,) = Path(name).glob("variant.*")
                (keep / f"bug-{kind}-{seed}-{bug}{variant.suffix}").write_bytes(variant.read_bytes())
            total["before a bug"] += len(numbers)
            yield bug, f"exit {done.returncode}: {done.stderr[-2000:]}"
            first = bug + 1
    yield dict(total)


def main() -> int:
    """The longer run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--variants", type=int, default=1000, help="of each kind")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kind", choices=SEEDS, action="append")
    parser.add_argument("--keep", type=Path, default=Path("."), help="where files that show a bug are put")
    parser.add_argument("--child", nargs=5, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        kind, seed, first, count, folder = asked.child
        try:
            child(kind, int(seed), int(first), int(count), Path(folder))
        except Exception:
            traceback.print_exc()
            return 1
        return 0
    bugs = 0
    for kind in asked.kind or SEEDS:
        began = time.monotonic()
        for found in fuzz(kind, seed=asked.seed, count=asked.variants, keep=asked.keep):
            if isinstance(found, dict):
                print(f"{kind:5} {found} in {time.monotonic() - began:.1f} s", flush=True)
            else:
                bugs += 1
                print(f"{kind:5} BUG at --seed {asked.seed}, variant {found[0]}: {found[1]}", flush=True)
    return 1 if bugs else 0


if __name__ == "__main__":
    sys.exit(main())
