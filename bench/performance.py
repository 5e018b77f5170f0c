"""docs/performance.md, made from what the measurements wrote.

python -m bench.performance
"""

import json
from datetime import date
from pathlib import Path
from typing import Any

from bench import limit, speed

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
- Nothing here has been measured on a GPU: `python -m bench.gpu` prints that table where there is one.
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
    return [*lines, ""]


def limit_part(measured: dict[str, Any]) -> list[str]:
    if not measured:
        return []
    lines = ["## Against what the hardware allows", "", f"`python -m bench.limit`, on {measured['machine']}.", ""]
    lines += [limit.HEADING, *map(limit.table_row, measured["limit"])]
    first = max(row["first_frame"] for row in measured["limit"])
    return [*lines, "", f"A second job in a warm process shows its first frame after {first:.2f} s at most.", ""]


def write_page(folder: Path, page: Path) -> None:
    """Write the page; parts that were not measured are left out."""
    lines = ["# Speed", "", f"Measured on {date.today().isoformat()}; made by `python -m bench.performance`.", ""]
    lines += ["Ratios are of one run with both sides in turn. Seconds belong to the machine that is named.", ""]
    lines += speed_part(read(folder, "speed")) + limit_part(read(folder, "limit"))
    lines += WORDS.splitlines()
    page.write_text("\n".join(lines).rstrip() + "\n")


if __name__ == "__main__":
    write_page(Path("out/bench"), Path("docs/performance.md"))
