"""docs/performance.md, made from what the measurements wrote.

python -m bench.performance
"""

import json
from datetime import date
from pathlib import Path

from bench import speed

ENGINE = "runtime", "precision", "why"


def read(folder: Path, name: str) -> dict:
    """What a measurement wrote, or nothing."""
    file = folder / f"{name}.json"
    return json.loads(file.read_text()) if file.exists() else {}


def speed_part(measured: dict) -> list[str]:
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


def limit_part(measured: dict) -> list[str]:
    if not measured:
        return []
    lines = ["## Against what the hardware allows", "", f"`python -m bench.limit`, on {measured['machine']}.", ""]
    lines += ["| model | quality | frames/s | looking alone, ms | encoding alone, ms | share of the limit |"]
    lines += ["|---|---|---|---|---|---|"]
    lines += [
        f"| {row['model']} | {row['quality']} | {row['fps']:.1f} | {row['looking_ms']:.1f} | "
        f"{row['encoding_ms']:.1f} | **{row['share']:.2f}** |"
        for row in measured["limit"]
    ]
    first = max(row["first_frame"] for row in measured["limit"])
    return [*lines, "", f"A second job in a warm process shows its first frame after {first:.2f} s at most.", ""]


def write_page(folder: Path, page: Path) -> None:
    """Write the page; parts that were not measured are left out."""
    lines = ["# Speed", "", f"Measured on {date.today().isoformat()}; made by `python -m bench.performance`.", ""]
    lines += ["Ratios are of one run with both sides in turn. Seconds belong to the machine that is named.", ""]
    lines += speed_part(read(folder, "speed")) + limit_part(read(folder, "limit"))
    if by_hand := Path("docs/performance-notes.md"):
        lines += by_hand.read_text().splitlines() if by_hand.exists() else []
    page.write_text("\n".join(lines).rstrip() + "\n")


if __name__ == "__main__":
    write_page(Path("out/bench"), Path("docs/performance.md"))
