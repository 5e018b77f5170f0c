"""Whole processes, measured from outside: imports, model load and compilation included."""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import imageio_ffmpeg

DATA = Path(os.environ.get("VIMIX_BENCH_DATA") or Path(__file__).parents[2] / "shared" / "data")
"""Clips and masks that are measured on."""


@dataclass(frozen=True)
class Spent:
    """What one run of a process cost."""

    wall: float
    cpu: float
    """User and system seconds, of its children too."""
    peak: int
    """Bytes of memory, of its largest process or of all of them."""
    printed: str

    @property
    def said(self) -> dict[str, Any]:
        """The last line it printed, as JSON."""
        said: dict[str, Any] = json.loads(self.printed.strip().splitlines()[-1])
        return said


def spend(*arguments: str, env: Mapping[str, str] | None = None, cores: int = 0, tree: bool = False) -> Spent:
    """Run a Python module or script to its end, with more in its environment, on the first so many cores (0: on all).

    With `tree` the peak is that of all its processes together, looked at 20 times a second, pages that several share
    counted once. Raises when it fails.
    """
    affinity = (lambda: os.sched_setaffinity(0, range(cores))) if cores else None
    environment = {**os.environ, **(env or {})}
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        began = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, *arguments], stdout=out, stderr=err, env=environment, preexec_fn=affinity
        )
        watching = _Watch(process.pid) if tree else None
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        peak = usage.ru_maxrss * 1024 if watching is None else watching.end()
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        if process.returncode:
            raise RuntimeError(f"{arguments} ended with {process.returncode}: {err.read().decode()[-2000:]}")
        return Spent(wall, usage.ru_utime + usage.ru_stime, peak, out.read().decode())


def memory_of(root: int) -> int:
    """Bytes that a process and all below it hold now; 0 where it is gone. A shared page counts once."""
    pids, held = [root], 0
    for pid in pids:  # grows while it is walked
        try:
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    held += 1024 * int(line.split()[1])
            for task in Path(f"/proc/{pid}/task").iterdir():
                pids += map(int, (task / "children").read_text().split())
        except OSError:  # it ended meanwhile
            continue
    return held


class _Watch:
    """The peak of a process tree, looked at by a thread."""

    def __init__(self, root: int) -> None:
        self._root, self._peak, self._over = root, 0, threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()

    def _look(self) -> None:
        while not self._over.wait(0.05):
            self._peak = max(self._peak, memory_of(self._root))

    def end(self) -> int:
        """Stop looking; the peak in bytes."""
        self._over.set()
        self._thread.join()
        return self._peak


def looped(clip: Path, seconds: float, to: Path) -> Path:
    """`clip` again and again, `seconds` long, without coding it anew."""
    ffmpeg = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-nostdin", "-y", "-stream_loop", "-1"]
    subprocess.run([*ffmpeg, "-i", str(clip), "-t", str(seconds), "-c", "copy", str(to)], check=True)
    return to


def machine() -> str:
    """The processor, its cores and what it offers networks, as one line."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    facts = dict(line.split(":", 1) for line in lines if ":" in line)
    facts = {name.strip(): value.strip() for name, value in facts.items()}
    flags = set(facts.get("flags", "").split())
    offers = [name for name in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if name in flags]
    return f"{facts.get('model name', 'unknown')}, {os.cpu_count()} cores, {' '.join(offers) or 'no vector units seen'}"
