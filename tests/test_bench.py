"""What the measurements write is read by what makes the page."""

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np

from bench import formats, gpu, halves, performance
from bench.process import memory_of
from tests.clips import pictures
from vimix.frame import Frame, Pixels
from vimix.sinks import FORMATS, Encoding, open_sink


def test_every_table_of_the_gpu_reaches_the_page() -> None:
    timings = {"preparing": 0.5, "network": 2.0, "encoding": 1.5, "total": 4.0}
    run = {"options": "--model portrait", "asked": "cuda", "cores": 16, "fps": 62.1, "beyond": 1.3, "timings": timings}
    caller = {"model": "m", "size": 768, "device": "NVIDIA L4", "precision": "f16", "callers": 8, "fps": 300.4}
    measured = {
        "card": "NVIDIA L4",
        "machine": "16 cores",
        "batches": [
            {"size": 768, "batch": 8, "first": 0.42, "fps": 315.2},
            {"size": 768, "batch": "3, 5", "fps": 14.0},
        ],
        "callers": [{**caller, "cpu_ms": 3.0, "off_mean": 0.1, "off_most": 4, "mean_batch": 5.5}],
        "runs": [{**run, "busy": 71.0}],
        "cores": [{**run, "busy": None}],
    }
    page = "\n".join(performance.gpu_part(measured))
    for cell in ("NVIDIA L4", "| 315 | 0.4 |", "| 3, 5 | 14 |", "| 300 | 5.5 |", "| 62.1 | 1.3 | 71 % | network 2.0, "):
        assert cell in page
    assert performance.gpu_part({**measured, "card": ""}) == []


def test_a_call_is_repeated_for_as_long_as_asked() -> None:
    asked: list[int] = []
    runs, took = gpu.repeated(lambda: asked.append(1), 0.01)
    assert len(asked) == runs + 1
    assert took >= 0.01


def test_a_prediction_is_kept_on_disk_and_made_once(tmp_path: Path) -> None:
    made: list[int] = []

    def predict(rgb: Pixels) -> Pixels:
        made.append(1)
        return rgb[:, :, 0]

    picture = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
    first = halves.Cached("a", predict, tmp_path)(picture)
    again = halves.Cached("a", predict, tmp_path)
    assert np.array_equal(first, again(picture))
    assert (len(made), again.count) == (1, 1)
    halves.Cached("b", predict, tmp_path)(picture)
    halves.Cached("a", predict, tmp_path)(np.ascontiguousarray(picture.reshape(6, 4, 3)))
    assert len(made) == 3


def test_a_sequence_below_the_network_alone_or_that_moves_is_named() -> None:
    good = halves.Row("good", 0.8, 0.9, 1.0, 0.7, (0.0, 0.005))
    bad = halves.Row("bad", 0.8, 0.7, 1.0, 0.7, (0.0, -0.2))
    said = "\n".join(halves.summary("half", [good, bad]))
    assert "tracked 0.800  better of both 0.850" in said
    assert "itself: bad\n" in said
    assert "not stable; more than 0.03: bad" in said
    assert ": stable; more than 0.03: none" in "\n".join(halves.summary("half", [good]))


def _memory_once_ready(code: str) -> int:
    """Memory of a process that runs `code`, and of its children, once it says that it is there."""
    code = f"import os, subprocess, sys\nheld = bytearray(b'x') * 80_000_000\n{code}\nprint(flush=True)\ninput()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        return memory_of(process.pid)


def test_memory_of_a_tree_of_processes_is_that_of_all_and_shared_pages_count_once() -> None:
    assert 80e6 < _memory_once_ready("") < 120e6
    assert 80e6 < _memory_once_ready("os.fork() or (os.read(0, 1), os._exit(0))") < 120e6
    grown = "ours, theirs = os.pipe()\nif not os.fork():\n    more = bytearray(b'y') * 60_000_000\n"
    grown += "    os.write(theirs, b'.')\n    os.read(0, 1)\n    os._exit(0)\nos.read(ours, 1)"
    assert 140e6 < _memory_once_ready(grown) < 180e6


def test_an_encoder_is_timed_on_finished_frames_and_every_size_reaches_the_page(tmp_path: Path) -> None:
    ready = tmp_path / "frames.zip"
    with open_sink("png-zip", ready, Encoding()) as sink:
        for number, (rgb, alpha) in enumerate(zip(*pictures(3, (64, 48)), strict=True)):
            frame = np.asarray(rgb, np.uint8), np.asarray(alpha, np.uint8)
            sink.write(Frame(*frame, Fraction(number, 30), Fraction(1, 30)))
    alone = formats.encode_alone("webp", ready, 5)
    assert alone["fps"] > 0
    assert alone["cpu_ms"] > 0
    run = {"height": 48, "format": "webp", "frames": 5, "wall": 0.5, "fps": 10.0, "cpu_ms": 50.2, "busy": 1.5}
    row = {**run, "peak_mb": 123.4, "alone_fps": 20.0, "alone_cpu_ms": 25.1, "share": 0.5, "cpu_share": 0.51}
    page = "\n".join(performance.speed_part({"machine": "2 cores", "speed": [], "formats": [row]}))
    assert "| 48p | webp | **10.0** | 0.5 | 50.2 | 1.50 | 123 | 20.0 | 25.1 | 0.50 | 0.51 |" in page


def test_every_format_of_the_table_is_one_that_a_run_accepts(tmp_path: Path) -> None:
    for name in formats.LIGHT:
        asked = formats._command(tmp_path / "clip.mp4", tmp_path / "result", name)
        assert FORMATS[name].alpha or "--background" in asked
        assert asked[asked.index("--fps") + 1] == "source"
