"""Whole processes, measured from outside: imports, model load and compilation included."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import imageio_ffmpeg

DATA = Path(__file__).parents[2] / "shared" / "data"


@dataclass(frozen=True)
class Spent:
    """What one run of a process cost."""

    wall: float
    cpu: float
    """User and system seconds, of its children too."""
    peak: int
    """Bytes of memory, of its largest process."""
    printed: str

    @property
    def said(self) -> dict[str, Any]:
        """The last line it printed, as JSON."""
        said: dict[str, Any] = json.loads(self.printed.strip().splitlines()[-1])
        return said


def spend(*arguments: str, env: Mapping[str, str] | None = None, cores: int = 0) -> Spent:
    """Run a Python module or script to its end, with more in its environment, on the first so many cores (0: on all).

    Raises when it fails.
    """
    affinity = (lambda: os.sched_setaffinity(0, range(cores))) if cores else None
    environment = {**os.environ, **(env or {})}
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        began = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, *arguments], stdout=out, stderr=err, env=environment, preexec_fn=affinity
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        if process.returncode:
            raise RuntimeError(f"{arguments} ended with {process.returncode}: {err.read().decode()[-2000:]}")
        return Spent(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, out.read().decode())


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
