"""The one encoder that is a program of its own: ffmpeg, fed by us through a pipe.

It reads nothing but that pipe, so nothing of a stranger's file reaches it. When we die the pipe ends, and so does it.
"""

import os
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from typing import IO, cast

import imageio_ffmpeg

from vimix.errors import Failed

_PATIENCE = 600
"""Seconds that it may take to write what it has been given."""


class Ffmpeg:
    """A running ffmpeg that reads `stdin`."""

    def __init__(self, args: Sequence[str]) -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        quiet = ["-hide_banner", "-loglevel", "error", "-protocol_whitelist", "pipe,file"]
        self._process = subprocess.Popen(
            [imageio_ffmpeg.get_ffmpeg_exe(), *quiet, *args],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=self._log,
            start_new_session=True,  # a Ctrl-C is ours to handle
        )
        self.stdin = cast(IO[bytes], self._process.stdin)

    def finish(self) -> None:
        """End its input and wait for it; `Failed` with its last words if it did not succeed."""
        with suppress(BrokenPipeError):
            self.stdin.close()
        code = self._process.wait(_PATIENCE)
        if code:
            self._log.seek(0)
            words = self._log.read()[-600:].decode(errors="replace")
            raise Failed("This video could not be encoded here.", cause=f"ffmpeg ended with {code}: {words}")

    def close(self) -> None:
        """Kill it, if it is still there."""
        if self._process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        with suppress(OSError):
            self.stdin.close()
        self._log.close()
