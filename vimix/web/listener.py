"""A port that is taken before anything else starts, and a server on it in a thread of its own.

Connections are counted, of all and of each address, and one that asks for nothing is closed: without that a thousand
idle ones use up the descriptors, and nobody is answered.
"""

import asyncio
import contextlib
import errno
import logging
import resource
import socket
import threading
import time
from collections import Counter
from typing import Any

import uvicorn
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from vimix.errors import Failed, UsageError

STREAMS_WITHIN = 3
"""Seconds that open answers may go on when we are told to end. With the service's own two seconds and the children's
end that stays below the ten after which container engines kill."""

MOST_CONNECTIONS = 4096
"""Open at once; fewer where the system allows fewer descriptors, of which files and children need some too."""
PER_ADDRESS = 200
"""Of one address, unless proxies stand before us: a browser opens six, and a school may share an address."""
REQUEST_WITHIN = 20.0
"""Seconds within which a connection must have sent a request's headers."""
TOLD_EVERY = 60.0
"""Seconds between two log lines about refused connections."""
log = logging.getLogger(__name__)


def bound(host: str, port: int, *, name: str = "PORT") -> socket.socket:
    """The port, taken. Raises `UsageError` with the `name` of the variable that sets it, or VIMIX_HOST."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        raise UsageError(f"VIMIX_HOST is no address of this machine: {host}.", cause=str(error)) from error
    taken = socket.socket(family, kind, protocol)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        taken.bind(address)
        taken.listen(2048)  # as uvicorn does: a port that another process listens on is refused here
    except OSError as error:
        taken.close()
        raise UsageError(_why(error, host, port, name), cause=str(error)) from error
    return taken


def _why(error: OSError, host: str, port: int, name: str) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"Port {port} is taken by another program. Set {name} to a free one, or end that program."
        case errno.EACCES:
            return f"Port {port} may not be opened by this user. Set {name} to one above 1023."
        case errno.EADDRNOTAVAIL:
            return f"VIMIX_HOST is no address of this machine: {host}."
    return f"Port {port} ({name}) of {host} (VIMIX_HOST) cannot be opened: {error.strerror}."


class Connections:
    """Those that are open."""

    def __init__(self, most: int, per_address: int | None) -> None:
        """`per_address` None: where proxies stand before us, all visitors come from a few addresses."""
        self._most, self._per_address = most, per_address
        self._open: Counter[str] = Counter()
        self._refused, self._told = 0, float("-inf")

    def enter(self, address: str) -> bool:
        """Whether one more may be open; `leave` has to follow where it may."""
        few = self._per_address is None or self._open[address] < self._per_address
        if few and self._open.total() < self._most:
            self._open[address] += 1
            return True
        self._refused += 1
        if time.monotonic() - self._told >= TOLD_EVERY:
            log.warning("%d connections refused: %d are open", self._refused, self._open.total())
            self._refused, self._told = 0, time.monotonic()
        return False

    def leave(self, address: str) -> None:
        """One is closed."""
        self._open[address] -= 1
        if not self._open[address]:
            del self._open[address]


class _Bounded(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
    """Uvicorn's protocol for connections that are counted, and closed where no request comes."""

    counted: Connections
    address: str | None = None
    timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        peer = transport.get_extra_info("peername")
        address = str(peer[0]) if peer else ""
        if not self.counted.enter(address):
            transport.abort()
            return
        self.address = address
        super().connection_made(transport)
        self._await_request()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.timer is not None:
            self.timer.cancel()
        if self.address is not None:
            self.counted.leave(self.address)
            super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.address is None:
            return
        super().data_received(data)
        if self._waits():
            self._await_request()
        elif self.timer is not None:
            self.timer.cancel()
            self.timer = None

    def eof_received(self) -> None:
        if self.address is not None:
            super().eof_received()

    def _waits(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _await_request(self) -> None:
        if self.timer is None:
            self.timer = self.loop.call_later(REQUEST_WITHIN, self._close_if_waiting)

    def _close_if_waiting(self) -> None:
        self.timer = None
        if self._waits() and not self.transport.is_closing():
            self.transport.close()


def bounded_protocol(connections: Connections) -> type[asyncio.Protocol]:
    """The protocol whose connections are counted there."""
    return type("Bounded", (_Bounded,), {"counted": connections})


def most_connections() -> int:
    """As many as the system's descriptors allow, of which up to half may be connections. Raises the soft limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * MOST_CONNECTIONS
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return MOST_CONNECTIONS if soft == resource.RLIM_INFINITY else min(MOST_CONNECTIONS, soft // 2)


class Server(uvicorn.Server):
    """Uvicorn in a thread of its own, as Gradio wants it."""

    def __init__(self, app: Any, port: socket.socket, *, per_address: int | None = PER_ADDRESS) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=bounded_protocol(Connections(most_connections(), per_address)),
                log_level="warning",
                proxy_headers=False,
                timeout_graceful_shutdown=STREAMS_WITHIN,
            )
        )
        self._port = port
        self.running_app = app
        self.thread = threading.Thread(target=self._in_thread, name="server", daemon=True)

    def _in_thread(self) -> None:
        with contextlib.suppress(SystemExit):  # uvicorn's way of saying that the start failed; it is looked at below
            self.run(sockets=[self._port])

    def begin(self) -> None:
        """Start, and wait until requests are answered. Raises `Failed` if the start failed."""
        self.thread.start()
        while not self.started:
            self.thread.join(0.01)
            if not self.thread.is_alive():
                raise Failed("The server did not start; the log says why.")

    def close(self) -> None:
        """Take nothing new, let what is open end, then stop the service."""
        self.should_exit = True
        self.thread.join()
