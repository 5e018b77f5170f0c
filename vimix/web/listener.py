"""A port that is taken before anything else starts, and a server on it in a thread of its own."""

import contextlib
import errno
import socket
import threading
from typing import Any

import uvicorn

from vimix.errors import Failed, UsageError

STREAMS_WITHIN = 3
"""Seconds that open answers may go on when we are told to end. With the service's own two seconds and the children's
end that stays below the ten after which container engines kill."""


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


class Server(uvicorn.Server):
    """Uvicorn in a thread of its own, as Gradio wants it."""

    def __init__(self, app: Any, port: socket.socket) -> None:
        super().__init__(
            uvicorn.Config(
                app,
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
