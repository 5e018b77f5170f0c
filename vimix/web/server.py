"""Serves a page on its port: says which port is taken, starts whatever proxies are set, and ends in good order.

Gradio starts its own server and cannot be told what matters to an operator, so the part of it that opens the port is
replaced while it launches. Its requests to itself at the start go straight to loopback.
"""

import contextlib
import errno
import io
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import gradio as gr
import httpx
import uvicorn
from gradio import http_server

from vimix.errors import Failed, UsageError
from vimix.settings import Settings

STREAMS_WITHIN = 3
"""Seconds that open answers may go on when we are told to end. With the service's own two seconds and the children's
end that stays below the ten after which container engines kill."""
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def bound(settings: Settings) -> socket.socket:
    """The port, taken. Raises `UsageError` naming PORT or VIMIX_HOST."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host.strip("[]"), settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        raise UsageError(f"VIMIX_HOST is no address of this machine: {settings.host}.", cause=str(error)) from error
    taken = socket.socket(family, kind, protocol)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        taken.bind(address)
        taken.listen(2048)  # as uvicorn does: a port that another process listens on is refused here
    except OSError as error:
        taken.close()
        raise UsageError(_why(error, settings), cause=str(error)) from error
    return taken


def _why(error: OSError, settings: Settings) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"Port {settings.port} is taken by another program. Set PORT to a free one, or end that program."
        case errno.EACCES:
            return f"Port {settings.port} may not be opened by this user. Set PORT to one above 1023."
        case errno.EADDRNOTAVAIL:
            return f"VIMIX_HOST is no address of this machine: {settings.host}."
    return f"Port {settings.port} (PORT) of {settings.host} (VIMIX_HOST) cannot be opened: {error.strerror}."


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


@contextlib.contextmanager
def _launching(port: socket.socket) -> Iterator[None]:
    """While Gradio launches: on our socket, without proxies, and without its lines on stdout."""

    def start(app: Any, server_name: str, server_port: int, **_: Any) -> tuple[str, int, str, Server]:
        server = Server(app, port)
        server.begin()
        name = "127.0.0.1" if server_name in ("0.0.0.0", "::", "[::]") else server_name.strip("[]")
        shown = f"[{name}]" if ":" in name else name
        return server_name, server_port, f"http://{shown}:{server_port}/", server

    kept: list[tuple[Any, str, Callable[..., Any]]] = [
        (http_server, "start_server", http_server.start_server),
        (httpx, "get", httpx.get),
        (httpx, "head", httpx.head),
    ]
    http_server.start_server = start  # type: ignore[assignment]
    httpx.get, httpx.head = partial(httpx.get, trust_env=False), partial(httpx.head, trust_env=False)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        for module, name, was in kept:
            setattr(module, name, was)


def serve(demo: gr.Blocks, how: dict[str, Any], port: socket.socket, *, end: Callable[[], None]) -> None:
    """Serve until SIGTERM or SIGINT; then call `end`, which ends streams, so that they need not be waited for."""
    _loopback_without_proxy()
    told = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: told.set())
    how = how | {"server_port": port.getsockname()[1]}
    with _launching(port):
        demo.launch(prevent_thread_lock=True, quiet=True, **how)
    server: Any = demo.server  # ours, by `_launching`
    print(f"Vimix is at {demo.local_url}", flush=True)
    while server.thread.is_alive() and not told.wait(1.0):
        pass
    if not told.is_set():
        raise Failed("The server ended by itself; the log says why.")
    demo.server_app.stop_event.set()
    end()
    server.close()


def _loopback_without_proxy() -> None:
    """Whatever asks this machine itself, MCP's tools for one, asks it directly."""
    for name in ("NO_PROXY", "no_proxy"):
        named = [host for host in os.environ.get(name, "").split(",") if host]
        os.environ[name] = ",".join([*named, *(host for host in LOOPBACK if host not in named)])
