"""How ffmpeg may be run: no files but those named, no network, bounded in time and size, gone when we are.

The program is the one that imageio-ffmpeg carries, so no machine needs an ffmpeg of its own. It runs in a process
group of its own, so that closing kills all of it and a Ctrl-C is ours to handle. On Linux the kernel kills it when the
thread that started it ends, so it is started by a thread that stays until it has ended.
"""

import ctypes
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import IO, cast

import imageio_ffmpeg

from vimix.errors import Failed

_PR_SET_PDEATHSIG = 1
_KEPT = 4000
"""Characters of ffmpeg's last words that are kept for the log."""
_PATIENCE = 600
"""Seconds that it may take to write what it has been given."""


class Ffmpeg:
    """One run of ffmpeg, fed through `stdin` and read through `stdout`."""

    def __init__(
        self,
        args: Sequence[str],
        *,
        cpu_seconds: int = 600,
        file_bytes: int = 8 * 2**30,
        memory_bytes: int = 8 * 2**30,
        stdout: bool = False,
    ) -> None:
        """`args` follow the program's name; the bounds are on its processor time, any file it writes, its memory."""
        quiet = ["-hide_banner", "-nostats", "-loglevel", "error", "-xerror"]
        command = [imageio_ffmpeg.get_ffmpeg_exe(), *quiet, *([] if "pipe:0" in args else ["-nostdin"]), *args]
        limits = {
            resource.RLIMIT_CPU: cpu_seconds,
            resource.RLIMIT_FSIZE: file_bytes,
            resource.RLIMIT_AS: memory_bytes,
            resource.RLIMIT_NOFILE: 64,
            resource.RLIMIT_CORE: 0,
        }
        self._words = bytearray()
        started: Future[subprocess.Popen[bytes]] = Future()
        keep = (command, limits, subprocess.PIPE if stdout else subprocess.DEVNULL, started)
        self._keeper = threading.Thread(target=self._keep, args=keep, name="vimix-ffmpeg", daemon=True)
        self._keeper.start()
        self._process = started.result()
        self.stdin = cast(IO[bytes], self._process.stdin)
        """What it reads as `pipe:0`. A write after its death raises `BrokenPipeError`: call `finish` to learn why."""
        self.stdout = cast(IO[bytes], self._process.stdout)
        """What it writes to `pipe:1`, where that was asked for."""

    def finish(self) -> None:
        """End its input and wait for it. Raises `Failed`: it refused, was killed by a limit, or took too long."""
        with suppress(BrokenPipeError):
            self.stdin.close()
        try:
            code = self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            raise Failed("The encoder did not finish in time.", cause=self._said()) from None
        self._keeper.join()
        if code:
            limit = {-signal.SIGXCPU: "CPU time", -signal.SIGXFSZ: "file size"}.get(code)
            reason = f"The encoder was stopped: it reached its limit of {limit}." if limit else "The encoder failed."
            raise Failed(reason, cause=f"exit {code}: {self._said()}")

    def close(self) -> None:
        """Kill it, if it is still there."""
        if self._process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._keeper.join()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            with suppress(BrokenPipeError):  # closing flushes what nobody will read any more
                if pipe is not None:
                    pipe.close()

    def _said(self) -> str:
        return self._words.decode(errors="replace").strip()

    def _keep(
        self, command: list[str], limits: dict[int, int], stdout: int, started: "Future[subprocess.Popen[bytes]]"
    ) -> None:
        """Start it, listen to it, because a full pipe would stop it, and stay until it has ended."""
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=stdout,
                stderr=subprocess.PIPE,
                preexec_fn=_prepare(limits),
                start_new_session=True,
                env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
            )
        except BaseException as error:
            started.set_exception(error)
            return
        started.set_result(process)
        while block := process.stderr.read1(4096):  # type: ignore[union-attr]
            self._words += block
            del self._words[:-_KEPT]
        process.wait()


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
