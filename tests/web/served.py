"""A served page as a fixture: started once, waited for, ended with its process group."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).parents[2]
START_WITHIN = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def serving(folder: Path, kind: str = "light", *, port: int | None = None, **variables: str) -> Iterator[str]:
    """The address of a page on a service with light or real work."""
    port = port or free_port()
    with (folder / "server.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.web.serve", str(port), str(folder), kind],
            cwd=ROOT, stdout=log, stderr=log, start_new_session=True, env=os.environ | variables,
        )  # fmt: skip
    try:
        _wait(f"http://127.0.0.1:{port}/healthz", process, folder)
        yield f"http://127.0.0.1:{port}/"
    finally:
        _end(process)


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """The jobs of a real service stand still: however fast this machine is, none ends while a test looks at it."""
    at_work = [int(each.parent.name) for each in Path("/proc").glob("[0-9]*/cwd") if _within(each, folder)]
    assert at_work, "no job is being worked on"
    for pid in at_work:
        os.killpg(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in at_work:
            os.killpg(pid, signal.SIGCONT)


def _within(cwd: Path, folder: Path) -> bool:
    """Whether a process leads its group and works in `folder`: a job's child does, while it has a job."""
    try:
        return cwd.readlink().is_relative_to(folder) and os.getpgid(int(cwd.parent.name)) == int(cwd.parent.name)
    except OSError:
        return False  # it has ended


def _end(process: "subprocess.Popen[bytes]") -> None:
    for signal_ in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            os.killpg(process.pid, signal_)
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)


def _wait(url: str, process: "subprocess.Popen[bytes]", folder: Path) -> None:
    until = time.monotonic() + START_WITHIN
    while time.monotonic() < until and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the page did not start:\n" + (folder / "server.log").read_text()[-3000:])
