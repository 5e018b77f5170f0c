"""Serves a page on its port: says which port is taken, starts whatever proxies are set, and ends in good order.

Gradio starts its own server and cannot be told what matters to an operator, so the part of it that opens the port is
replaced while it launches. Its requests to itself at the start go straight to loopback.
"""

import contextlib
import io
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import gradio as gr
import httpx
from gradio import http_server

from vimix.errors import Failed
from vimix.web.listener import PER_ADDRESS, Server

log = logging.getLogger(__name__)

LOOPBACK = ("127.0.0.1", "localhost", "::1")


@contextlib.contextmanager
def _launching(port: socket.socket, per_address: int | None) -> Iterator[None]:
    """While Gradio launches: on our socket, without proxies, and without its lines on stdout."""

    def start(app: Any, server_name: str, server_port: int, **_: Any) -> tuple[str, int, str, Server]:
        server = Server(app, port, per_address=per_address)
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


def serve(
    demo: gr.Blocks, how: dict[str, Any], port: socket.socket, *, end: Callable[[], None], proxies: bool = False
) -> None:
    """Serve until SIGTERM or SIGINT; then call `end`, which ends streams, so that they need not be waited for.

    `proxies`: whether connections come from proxies, so that an address is not a visitor.
    """
    _loopback_without_proxy()
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    how = how | {"server_port": port.getsockname()[1]}
    with _launching(port, None if proxies else PER_ADDRESS):
        demo.launch(prevent_thread_lock=True, quiet=True, **how)
    server: Any = demo.server  # ours, by `_launching`
    if sys.stdout.isatty():
        print(f"Vimix is at {demo.local_url}", flush=True)
    else:
        log.info("Vimix is at %s", demo.local_url)
    while server.thread.is_alive() and not stopping.wait(1.0):
        pass
    if not stopping.is_set():
        raise Failed("The server ended by itself; the log says why.")
    demo.server_app.stop_event.set()
    end()
    server.close()


def _loopback_without_proxy() -> None:
    """Whatever asks this machine itself, MCP's tools for one, asks it directly."""
    for name in ("NO_PROXY", "no_proxy"):
        named = [host for host in os.environ.get(name, "").split(",") if host]
        os.environ[name] = ",".join([*named, *(host for host in LOOPBACK if host not in named)])
