"""How ffmpeg may be run: no files but those named, no network, bounded in time and size, gone when we are.

The program is the one that imageio-ffmpeg carries, so no machine needs an ffmpeg of its own. It runs in a process
group of its own, so that closing kills all of it, and on Linux the kernel kills it when the thread that started it
ends, so start it in a thread that outlives it.
"""

import ctypes
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import IO, Self

import imageio_ffmpeg

from vimix.errors import Failed

_PR_SET_PDEATHSIG = 1
_KEPT = 4000
"""Characters of ffmpeg's last words that are kept for the log."""


class Ffmpeg:
    """One run of ffmpeg, fed through `stdin` and read through `stdout`. Leaving on an error, or early, kills it."""

    def __init__(
        self,
        args: Sequence[str],
        *,
        cpu_seconds: int = 3600,
        file_bytes: int = 8 * 2**30,
        memory_bytes: int = 8 * 2**30,
        stdout: bool = False,
    ) -> None:
        """`args` follow the program's name; the bounds are on its processor time, any file it writes, its memory."""
        self._args = [
            imageio_ffmpeg.get_ffmpeg_exe(),
            *(
                "-hide_banner",
                "-nostats",
                "-loglevel",
                "error",
                "-xerror",
                "-nostdin" if "pipe:0" not in args else "-y",
            ),
            *args,
        ]
        self._limits = {
            resource.RLIMIT_CPU: cpu_seconds,
            resource.RLIMIT_FSIZE: file_bytes,
            resource.RLIMIT_AS: memory_bytes,
            resource.RLIMIT_NOFILE: 64,
            resource.RLIMIT_CORE: 0,
        }
        self._pipe_out = stdout
        self._words = bytearray()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._args,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE if self._pipe_out else subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            preexec_fn=_prepare(self._limits),
            start_new_session=True,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
        )
        self._listener = threading.Thread(target=self._listen, name="vimix-ffmpeg", daemon=True)
        self._listener.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        process = self._running
        if process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        self._listener.join()
        for pipe in (process.stdin, process.stdout, process.stderr):
            with suppress(BrokenPipeError):  # closing flushes what nobody will read any more
                if pipe is not None:
                    pipe.close()

    @property
    def _running(self) -> "subprocess.Popen[bytes]":
        if self._process is None:
            raise RuntimeError("use `with Ffmpeg(...) as ffmpeg`")
        return self._process

    @property
    def stdin(self) -> IO[bytes]:
        """What it reads as `pipe:0`. A write after its death raises `BrokenPipeError`: call `finish` to learn why."""
        assert self._running.stdin is not None
        return self._running.stdin

    @property
    def stdout(self) -> IO[bytes]:
        """What it writes to `pipe:1`, where that was asked for."""
        assert self._running.stdout is not None
        return self._running.stdout

    def write(self, data: "bytes | memoryview") -> None:
        """Feed it; raises `Failed` with its last words if it is gone."""
        try:
            self.stdin.write(data)
        except BrokenPipeError:
            self.finish()
            raise Failed("The encoder ended early.", cause=self.words) from None

    def finish(self, timeout: float | None = None) -> None:
        """End its input and wait for it. Raises `Failed`: it refused, was killed by a limit, or took too long (s)."""
        process = self._running
        with suppress(BrokenPipeError):
            self.stdin.close()
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise Failed("The encoder did not finish in time.", cause=self.words) from None
        self._listener.join()
        if code != 0:
            limit = {-signal.SIGXCPU: "CPU time", -signal.SIGXFSZ: "file size"}.get(code)
            raise Failed(
                f"The encoder was stopped: it reached its limit of {limit}." if limit else "The encoder failed.",
                cause=f"exit {code}: {self.words}",
            )

    @property
    def words(self) -> str:
        """The end of what it said, for the log."""
        return self._words.decode(errors="replace").strip()

    def _listen(self) -> None:
        """A full pipe would stop ffmpeg, so somebody always reads it."""
        assert self._running.stderr is not None
        while block := self._running.stderr.read1(4096):  # type: ignore[attr-defined]
            self._words += block
            del self._words[:-_KEPT]


def _prepare(limits: dict[int, int]) -> Callable[[], None]:
    """What the new process does to itself before it becomes ffmpeg: nothing here may take a lock."""
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    parent = os.getpid()

    def prepare() -> None:
        if libc is not None:
            libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:  # it died between fork and here
                os._exit(1)
        for kind, most in limits.items():
            hard = resource.getrlimit(kind)[1]
            most = most if hard == resource.RLIM_INFINITY else min(most, hard)
            with suppress(OSError, ValueError):  # macOS does not bound address space
                resource.setrlimit(kind, (most, hard))

    return prepare
