"""docs/performance.md, made from what the measurements wrote.

python -m bench.performance
"""

import json
from datetime import date
from pathlib import Path
from typing import Any

from bench import formats, limit, speed

WORDS = """
## Reading it

- Where a followed network's share of the limit is above 1, it is because following looks at fewer frames than there
  are, and `best` follows at 768 while its limit is of looks at 1024.
- The light engine's share is what looking and encoding alone are of the whole: decoding (3.5 ms of CPU a 720p frame),
  steadying (2 to 3) and clean edges (7 to 10), which the baseline does not have, are most of the rest. Both cores are
  busy for 82 to 91% of a run, its start included. Faster encoding makes that share smaller, not larger: against looking
  and libwebp's encoding (method 4, on both cores) alone, the whole run is four times as quick.
- `best` and `balanced` reach their targets by looking in 8-bit integers (docs/models.md); at 768 a look takes 0.23
  CPU-seconds, in bfloat16 0.41. `fast` makes 21 and 14 looks and fills the gaps between
  them beside the next look; following, edges, encoding and starting (1 s) are the rest. A key for every sixteen
  frames instead of twelve would lose what moves fast. Motion by DIS's quickest preset, mattes carried with two planes
  of places instead of one of pairs, colours sorted only at keys, and no whole picture looked at twice: 6.85 s became
  5.59 on 04_coffee, 5.89 became 5.14 on 01_dog, both versions in turn.
- Lossless WebP is written by `sinks/vp8l.py`: fewer bytes than libwebp at its fastest (1.48 and 1.24 of the baseline's
  then).
- Edges and WebP are made in worker processes (`concurrency/processes.py`): before, the light engine's wall ratios
  were 9.0 and 10.8, lossless 8.8 and 10.0. Since then pictures are shrunk by halves, and edges add up their neighbours
  in OpenCV: 3.22 s became 2.93 on 01_dog, both versions in turn. MB is of the largest process; both helpers add some
  55.
- `timings` on a card say for which stage the run waited, moment by moment, so that they add up to `total`:
  `preparing` (opening the clip and the network), `decoding`, `network` (`key`, `replay`), `smoothing`, `edges`,
  `finishing`, `encoding` and whatever else there was to do. A stage that keeps ahead of the next one costs nothing
  there: shorten the longest one. A card's `gpu` has batches, pictures in them and the seconds in which it was busy.

## Memory at 4K

WebM at 4K takes 2.5 to 2.7 GB in all, and 1.2 GB of it are allocated by libvpx: VP9 with alpha is two encoders, each
of which sets aside 403 MB for the tokens of a frame that does not compress at all (101 MB at 1080p) and clears them,
so that they are held however small the frame is; nine pictures of 15 MB and output buffers are the rest. No option of
libvpx changes that: one thread takes 0.15 GB less, for 8 % more bytes (no row threads then). Frames in flight and what
is computed from them are 0.35 GB; decoded pictures and freed blocks that the C library keeps are probably the
remainder; in single runs, mapping and trimming thresholds of 16 and 32 MB took away 7 %, two arenas 8 % at 4K, and
neither anything at 1080p, where they differ by as much among themselves. ProRes at 4K takes 1.6 GB.

## On a GPU

One measurement so far, of the version before fixed batch sizes: an H200 with 16 cores, animated WebP of a 720p clip.
`python -m bench.gpu` prints the tables anew where there is a GPU, and its rows then stand here.

| IS-Net at 768, network alone, batch | 1 | 4 | 8 | 16 | another size at each run |
|---|---|---|---|---|---|
| pictures a second | 107 | 234 | 315 | 377 | 14 |

What follows from it, by counting shapes and bytes while a processor runs the GPU's sessions, and not measured on a GPU:
a clip that is tracked asks for one picture after the other, so it brings the shape of one picture only, and gets 107
predictions a second at most there; a frame needs 1.1 of them at `best`, 0.6 at `balanced` and 0.15 at `fast` (docs/
quality.md has real clips). A picture brings 1.8 MB to the GPU at 768 and takes 0.6 MB back, whatever its own size.
Many callers at once run in batches of 1, 2, 4 or 8 on two lanes: simulated with the times above (7 ms for a batch and
2.2 for each picture in it, only the latter in turn), 8 callers get 350 pictures a second, 16 get 450, 32 get 465.
A T4 does some 55 pictures a second by its figures. That is 90 frames a second at `balanced`, for each of which its 4
cores have 44 ms of CPU.
"""


def read(folder: Path, name: str) -> dict[str, Any]:
    """What a measurement wrote, or nothing."""
    file = folder / f"{name}.json"
    return json.loads(file.read_text()) if file.exists() else {}


def speed_part(measured: dict[str, Any]) -> list[str]:
    if not measured:
        return []
    lines = ["## Against what a user would run instead", "", f"`python -m bench.speed`, on {measured['machine']}.", ""]
    lines += [speed.table(measured["speed"]), ""]
    for row in measured["speed"][:: len(speed.CLIPS)]:
        engine = row["engine"]
        lines.append(f"- {row['case']}: {engine['runtime']}, {engine['precision']} ({engine['why']})")
    if grown := measured.get("memory"):
        lines += ["", f"Memory of a clip six times as long: {grown['ratio']:.3f} of the short one's peak."]
    if rows := measured.get("formats"):
        lines += ["", "## By format and size", "", formats.WORDS, "", formats.table(rows)]
    return [*lines, ""]


def limit_part(measured: dict[str, Any]) -> list[str]:
    if not measured:
        return []
    lines = ["## Against what the hardware allows", "", f"`python -m bench.limit`, on {measured['machine']}.", ""]
    lines += [limit.HEADING, *map(limit.table_row, measured["limit"])]
    first = max(row["first_frame"] for row in measured["limit"])
    return [*lines, "", f"A second job in a warm process shows its first frame after {first:.2f} s at most.", ""]


def gpu_part(measured: dict[str, Any]) -> list[str]:
    if not measured.get("card"):
        return []
    lines = ["## On a GPU", "", f"`python -m bench.gpu`, on {measured['card']} with {measured['machine']}.", ""]
    if rows := measured.get("batches"):
        lines += ["| network alone, px | batch | pictures/s | first run, s |", "|---|---|---|---|"]
        lines += [f"| {row['size']} | {row['batch']} | {row['fps']:.0f} | {row.get('first', 0):.1f} |" for row in rows]
    if rows := measured.get("callers"):
        heading = "| model, px | on | callers at once | pictures/s | mean batch | CPU ms | off, levels |"
        lines += ["", heading, "|---|---|---|---|---|---|---|"]
        lines += [
            f"| {row['model']} {row['size']} | {row['device']} {row['precision']} | {row['callers']} | "
            f"{row['fps']:.0f} | {row['mean_batch'] or 1:.1f} | {row['cpu_ms']:.1f} | "
            f"{row['off_mean']:.2f} (most {row['off_most']}) |"
            for row in rows
        ]
    if rows := [*measured.get("runs", []), *measured.get("cores", [])]:
        heading = "| whole process | asked for | cores | frames/s | beyond the work, s | GPU busy | waited for, s |"
        lines += ["", heading, "|---|---|---|---|---|---|---|"]
        lines += [gpu_run(row) for row in rows]
    return [*lines, ""]


def gpu_run(row: dict[str, Any]) -> str:
    """A whole run as a row; what it waited for longest comes first."""
    waits = sorted(row["timings"].items(), key=lambda one: -one[1])
    longest = ", ".join(f"{name} {spent:.1f}" for name, spent in waits[1:4])
    seen = f"{row['busy']:.0f} %" if row["busy"] is not None else ""
    start = f"{row['fps']:.1f} | {row['beyond']:.1f} | {seen}"
    return f"| {row['options']} | {row['asked']} | {row['cores']} | {start} | {longest} |"


def write_page(folder: Path, page: Path) -> None:
    """Write the page; parts that were not measured are left out."""
    lines = ["# Speed", "", f"Measured on {date.today().isoformat()}; made by `python -m bench.performance`.", ""]
    lines += ["Ratios are of one run with both sides in turn. Seconds belong to the machine that is named.", ""]
    lines += speed_part(read(folder, "speed")) + limit_part(read(folder, "limit")) + gpu_part(read(folder, "gpu"))
    lines += WORDS.splitlines()
    page.write_text("\n".join(lines).rstrip() + "\n")


if __name__ == "__main__":
    write_page(Path("out/bench"), Path("docs/performance.md"))
