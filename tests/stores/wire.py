"""A wire to a server that fails on command: what lies between us and a bucket, at its worst."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

BROKEN = b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Wire:
    """Passes connections on to `target`, save for the next ones as `plan` says.

    `503`: answer so. `cut:N`: close after N bytes of the answer. `swallow:N`: close after N bytes of the request.
    `hang`: never answer.
    """

    def __init__(self, target: str) -> None:
        self.plan: list[str] = []
        self.seen = 0
        parts = urlsplit(target)
        self._target = (parts.hostname or "", parts.port or 80)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._closed = threading.Event()
        self._start(self._accept)

    def close(self) -> None:
        self._closed.set()
        for connection in [*self._open, self._listener]:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        for thread in self._threads:
            thread.join(10)

    def _start(self, work: object, *given: object) -> None:
        thread = threading.Thread(target=work, args=given)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._closed.is_set():
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(near)
            self.seen += 1
            self._start(self._serve, near, self.plan.pop(0) if self.plan else "")

    def _serve(self, near: socket.socket, order: str) -> None:
        name, _, number = order.partition(":")
        if name == "hang":
            self._closed.wait(30)
        elif name == "503":
            near.recv(65536)
            near.sendall(BROKEN)
        else:
            far = socket.create_connection(self._target)
            self._open.append(far)
            limit = int(number or 0)
            self._start(_pass, near, far, limit if name == "swallow" else None)
            _pass(far, near, limit if name == "cut" else None)
        with contextlib.suppress(OSError):
            near.shutdown(socket.SHUT_RDWR)
        near.close()


def _pass(source: socket.socket, to: socket.socket, limit: int | None) -> None:
    passed = 0
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            passed += len(data)
            to.sendall(data if limit is None else data[: max(0, limit - passed + len(data))])
            if limit is not None and passed >= limit:
                break
    for end in (source, to):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def wire(target: str) -> Iterator[Wire]:
    line = Wire(target)
    try:
        yield line
    finally:
        line.close()
