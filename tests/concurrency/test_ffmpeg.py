import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing, suppress
from pathlib import Path

import pytest

from vimix.concurrency.ffmpeg import Ffmpeg
from vimix.errors import Failed

RAW = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", "16x16", "-r", "10", "-i", "pipe:0")


def feed(ffmpeg: Ffmpeg, block: bytes, times: int) -> None:
    with suppress(BrokenPipeError):
        for _ in range(times):
            ffmpeg.stdin.write(block)
    ffmpeg.finish()


def test_it_encodes_what_it_is_fed(tmp_path: Path) -> None:
    out = tmp_path / "a.mkv"
    with closing(Ffmpeg([*RAW, "-c:v", "ffv1", str(out)])) as ffmpeg:
        feed(ffmpeg, bytes(16 * 16 * 3), 5)
    assert out.stat().st_size > 100
    assert not [thread for thread in threading.enumerate() if thread.name == "vimix-ffmpeg"]


def test_its_last_words_are_for_the_log_only(tmp_path: Path) -> None:
    with (
        pytest.raises(Failed) as failure,
        closing(Ffmpeg([*RAW, "-c:v", "no-such-codec", str(tmp_path / "a.mkv")])) as ffmpeg,
    ):
        ffmpeg.finish()
    assert failure.value.public == "The encoder failed."
    assert "no-such-codec" in failure.value.cause


def test_feeding_a_dead_one_says_why(tmp_path: Path) -> None:
    with (
        pytest.raises(Failed) as failure,
        closing(Ffmpeg(["-i", str(tmp_path / "nothing"), "-f", "null", "-"])) as ffmpeg,
    ):
        feed(ffmpeg, bytes(100_000), 100)
    assert "nothing" in failure.value.cause


def test_it_outlives_the_thread_that_asked_for_it(tmp_path: Path) -> None:
    begun: list[Ffmpeg] = []
    asking = threading.Thread(target=lambda: begun.append(Ffmpeg([*RAW, "-c:v", "ffv1", str(tmp_path / "a.mkv")])))
    asking.start()
    asking.join()
    with closing(begun[0]) as ffmpeg:
        feed(ffmpeg, bytes(16 * 16 * 3), 20)
    assert (tmp_path / "a.mkv").stat().st_size > 100


def test_leaving_early_kills_it(tmp_path: Path) -> None:
    with closing(Ffmpeg([*RAW, "-c:v", "ffv1", str(tmp_path / "a.mkv")])) as ffmpeg:
        ffmpeg.stdin.write(bytes(16 * 16 * 3))
        process = ffmpeg._process
    assert process.returncode == -signal.SIGKILL


def test_a_file_that_grows_too_large_ends_it(tmp_path: Path) -> None:
    noise = os.urandom(16 * 16 * 3)
    with (
        pytest.raises(Failed),
        closing(Ffmpeg([*RAW, "-c:v", "rawvideo", str(tmp_path / "a.mkv")], file_bytes=20_000)) as ffmpeg,
    ):
        feed(ffmpeg, noise, 400)
    assert (tmp_path / "a.mkv").stat().st_size <= 20_000


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's promise is Linux's")
def test_it_dies_with_its_parent(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys\n"
        "from vimix.concurrency.ffmpeg import Ffmpeg\n"
        f"ffmpeg = Ffmpeg({[*RAW, '-c:v', 'ffv1', str(tmp_path / 'a.mkv')]!r})\n"
        "ffmpeg.stdin.write(bytes(768))\n"
        "print(ffmpeg._process.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    parent = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    child = Path(f"/proc/{int(parent.stdout)}")
    for _ in range(200):
        if not child.exists() or child.joinpath("stat").read_text().split()[2] == "Z":
            return
        time.sleep(0.01)
    pytest.fail("ffmpeg outlived its parent")
