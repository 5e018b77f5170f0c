"""`make bench`: one table of speed, quality, memory and bytes, and the same as JSON under out/bench.

    python -m bench [--quick] [--write-docs]

`--write-docs` makes docs/performance.md from what was measured.
"""

import argparse
import subprocess
import sys
from pathlib import Path

from bench.performance import write_page

PARTS = ("bench.speed", "bench.limit", "bench.encoders", "bench.edges", "bench.keying", "bench.quality", "bench.gpu")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="shorter clips and fewer of them")
    parser.add_argument("--write-docs", action="store_true")
    asked = parser.parse_args()
    short = {
        "bench.speed": ["--seconds", "3", "--no-memory", "--no-formats"],
        "bench.quality": ["--quick"],
        "bench.keying": ["--seeds", "2"],
    }
    for part in PARTS:
        print(f"\n## {part}\n", flush=True)
        subprocess.run([sys.executable, "-m", part, *(short.get(part, []) if asked.quick else [])], check=True)
    if asked.write_docs:
        write_page(Path("out/bench"), Path("docs/performance.md"))


if __name__ == "__main__":
    main()
