"""A warm child process that does one job at a time, and the rules by which it is ended."""

import asyncio
import ctypes
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vimix.errors import Failed
from vimix.pipeline.request import Resources

REAL_WORK = "vimix.pipeline.run:run"
Event = dict[str, Any]

_ALLOWED = frozenset({
    "PATH", "HOME", "LANG", "TZ", "TMPDIR", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "OMP_NUM_THREADS",
    "CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS",
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
    "HF_ENDPOINT", "NPM_CONFIG_REGISTRY", "npm_config_registry", "PIP_INDEX_URL", "U2NET_HOME", "REMBG_HOME",
})  # fmt: skip
"""All that a child may know of our environment. Credentials are not on the list, whatever they are called."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a job may take. Longest: 7,200 frames at the best quality on two slow cores."""

    wall: float = 2 * 3600
    """Seconds from start to end."""
    stall: float = 180
    """Seconds without an event: compiling a large network is the longest there is."""
    grace: float = 0.4
    """Seconds that a cancelled job keeps its slot, to finish the file of what is done by then."""
    finish: float = 30.0
    """Seconds that it may go on finishing outside of the slot."""
    file_bytes: int = 2 << 30
    descriptors: int = 256
    address_space: int = 0
    """Bytes; 0: no limit. Not with CUDA, which maps far more than it uses."""


def as_json(resources: Resources) -> dict[str, Any]:
    """The fields of `resources` as plain values, as a child is given them."""
    return {**asdict(resources), "model_dir": str(resources.model_dir.absolute())}


class Lost(Failed):
    """The child died, fell silent or took too long. Counted, and tried again."""

    retryable = True


class ChildProcess:
    """One child, started when needed and kept warm."""

    def __init__(
        self, work: str = REAL_WORK, bounds: Bounds = Bounds(), resources: Mapping[str, Any] | None = None
    ) -> None:
        """`resources` has the fields of `vimix.pipeline.request.Resources`, as JSON."""
        self._work, self._resources = work, json.dumps(resources)
        self._bounds = bounds
        self._child: asyncio.subprocess.Process | None = None
        self._working: asyncio.subprocess.Process | None = None
        self._warming = asyncio.Lock()

    @property
    def pid(self) -> int | None:
        """The living child's process id, which is its group's too."""
        return self._child.pid if self._child and self._child.returncode is None else None

    async def warm(self) -> asyncio.subprocess.Process:
        """Have a child that is ready. Raises `Lost`."""
        async with self._warming:
            if self._child is not None and self._child.returncode is None:
                return self._child
            await self.kill()
            return await self._start()

    async def _start(self) -> asyncio.subprocess.Process:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "vimix.jobs.worker.child_main", str(os.getpid()), self._work, self._resources),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,
            limit=4 << 20,
            env=child_environment(os.environ),
        )
        self._child = child
        try:
            await self._receive(child, self._bounds.stall)
        except BaseException:
            await self._end(child)
            raise
        return child

    async def run(self, spec: Mapping[str, Any], on_event: Callable[[Event], None]) -> Event:
        """Do one job, and call `on_event` for each event; the one that ended it. Raises `Lost`, with the child and all
        it started killed."""
        child = await self.warm()
        bounds = self._bounds
        limits = {
            "file_bytes": bounds.file_bytes,
            "descriptors": bounds.descriptors,
            "address_space": bounds.address_space,
        }
        try:
            async with asyncio.timeout(self._bounds.wall):
                await self._send(child, {**spec, **limits})
                self._working = child
                while (event := await self._receive(child, self._bounds.stall))["ev"] not in ("done", "error"):
                    on_event(event)
        except TimeoutError as error:
            await self._end(child)
            raise Lost("This clip took longer than the time limit.", cause=f"{self._bounds.wall} s") from error
        except BaseException:
            await self._end(child)
            raise
        if self._working is child:
            self._working = None
        if self._child is None and not self._warming.locked():
            self._child = child  # it was detached, and no other has taken its place
        elif self._child is not child:
            await self._end(child)
        return event

    async def ask_to_finish(self) -> bool:
        """Ask the child to end its job with the frames it has. False if there is nothing to ask for."""
        child = self._child
        if child is None or child is not self._working:
            return False
        with suppress(Lost):
            await self._send(child, {"cancel": True})
        return True

    def detach(self) -> None:
        """Give the running child up, so that the next job gets another; its job may go on until `run` is cancelled."""
        self._child = None

    async def kill(self) -> None:
        """End the child and everything in its group, at once."""
        if self._child is not None:
            await self._end(self._child)

    async def _end(self, child: asyncio.subprocess.Process) -> None:
        if self._child is child:
            self._child = None
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)  # also where the child is dead: what it started may live
        await child.wait()
        if child.stdin:
            child.stdin.close()

    async def _send(self, child: asyncio.subprocess.Process, message: Mapping[str, Any]) -> None:
        assert child.stdin is not None
        try:
            child.stdin.write(json.dumps(message).encode() + b"\n")
            await child.stdin.drain()
        except OSError as error:
            raise Lost(_DIED, cause=repr(error)) from error

    async def _receive(self, child: asyncio.subprocess.Process, patience: float) -> Event:
        assert child.stdout is not None
        try:
            line = await asyncio.wait_for(child.stdout.readline(), patience)
        except TimeoutError as error:
            raise Lost("Processing this clip stalled.", cause=f"silent for {patience} s") from error
        if not line.endswith(b"\n"):
            raise Lost(_DIED, cause=f"the child ended with {await child.wait()}")
        event: Event = json.loads(line)
        return event


_DIED = "The process working on this clip crashed."


def hide_environment() -> None:
    """Have the kernel refuse children of the same user a look at our environment and memory (Linux).

    A child gets no credentials, but it could read ours in `/proc/<parent>/environ`.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(4, 0)  # PR_SET_DUMPABLE


def child_environment(ours: Mapping[str, str]) -> dict[str, str]:
    """Ours without anything that is not on the list, and the folder of `vimix`, so that it is found from any folder."""
    kept = {name: value for name, value in ours.items() if name in _ALLOWED or name.startswith("LC_")}
    home = str(Path(__file__).parents[3])
    path = os.pathsep.join(filter(None, (home, ours.get("PYTHONPATH"))))
    return {**kept, "PYTHONUNBUFFERED": "1", "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"}
