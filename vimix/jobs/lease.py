"""Whose a running job is: one process on one machine, for one attempt."""

import os
import secrets
import socket
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Self


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to change a running job. Its text is kept in the job's record and compared there."""

    host: str
    """The machine's name."""
    namespace: str
    """The number of the process namespace (Linux), or nothing: equal process ids of two containers differ in it."""
    pid: int
    nonce: str
    """16 hex digits that no other lease has."""

    @classmethod
    def new(cls) -> Self:
        """A lease of this process."""
        return cls(*_here(), os.getpid(), secrets.token_hex(8))

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """The lease of that text; None if it is none, as where no attempt was made yet."""
        host, namespace, pid, nonce = ("...." + text).rsplit(".", 3)
        host = host.removeprefix("....")
        return cls(host, namespace, int(pid), nonce) if pid.isdigit() else None

    def __str__(self) -> str:
        return f"{self.host}.{self.namespace}.{self.pid}.{self.nonce}"

    def holder_is_gone(self) -> bool:
        """Whether its process is seen to have ended; always False from another machine, which cannot see it."""
        if (self.host, self.namespace) != _here():
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            pass
        return False


def folder_name(job: str, lease: str) -> str:
    """The name of the folder in which a job is worked on, `<job>.<nonce>`, so that no two attempts share one."""
    parsed = Lease.parse(lease)
    return f"{job}.{parsed.nonce if parsed else lease}"


@lru_cache
def _here() -> tuple[str, str]:
    namespace = ""
    with suppress(OSError):
        namespace = os.readlink("/proc/self/ns/pid").strip("pid:[]")
    return socket.gethostname(), namespace
