"""A mirror on loopback that speaks as the Hub and as a release do, and small networks to serve from it."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from tests.loopback import answering
from vimix.matting.networks import catalogue
from vimix.matting.networks.catalogue import Model
from vimix.matting.networks.mirrors import Release


@dataclass
class Mirror:
    """What it holds, and what it was asked for."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    """By file name; a release and a repository hold the same."""
    asked: list[tuple[str, str]] = field(default_factory=list)
    """Path and Range of each request that got bytes or none."""
    cut: set[str] = field(default_factory=set)
    """Files whose next answer breaks off half-way."""
    gate: threading.Event | None = None
    """Waited for before bytes are sent."""


def drawn(size: int, *, logits: bool = False, outputs: int = 1, resized_from: int = 0) -> bytes:
    """A network of the shape of rembg's: what is redder than the middle is the subject, 0-1 with both ends reached.

    `resized_from`: one whose size is fixed by a constant before a Resize, as IS-Net's is, and whose weights are halves.
    """
    declared = resized_from or size
    kind = np.float16 if resized_from else np.float32
    weights = [numpy_helper.from_array(np.array([[[[2.0]], [[0.0]], [[0.0]]]], kind), "w")]
    nodes = [helper.make_node("Conv", ["x", "w"], ["y"])]
    if resized_from:
        nodes = [
            helper.make_node("Conv", ["h", "w"], ["c"]),
            helper.make_node("MaxPool", ["c"], ["p"], kernel_shape=[2, 2], strides=[2, 2]),
            helper.make_node("Shape", ["p"], ["s"]),
            helper.make_node("Slice", ["s", "from", "to", "axis"], ["nc"]),
            helper.make_node("Concat", ["nc", "hw"], ["target"], axis=0),
            helper.make_node("Resize", ["p", "", "", "target"], ["y"], mode="nearest"),
            helper.make_node("Cast", ["input"], ["h"], to=TensorProto.FLOAT16),  # out of order, as converters leave it
        ]
        for name, numbers in (("from", [0]), ("to", [2]), ("axis", [0]), ("hw", [declared, declared])):
            weights.append(numpy_helper.from_array(np.array(numbers, np.int64), name))
    scale, shift = (12.0, 0.0) if logits else (1.0, 0.5)
    weights += [numpy_helper.from_array(np.array(v, kind), n) for n, v in (("scale", scale), ("shift", shift))]
    nodes += [helper.make_node("Mul", ["y", "scale"], ["m"]), helper.make_node("Add", ["m", "shift"], ["a"])]
    if not logits:
        weights += [numpy_helper.from_array(np.array(v, kind), n) for n, v in (("zero", 0.0), ("one", 1.0))]
        nodes += [helper.make_node("Max", ["a", "zero"], ["b"]), helper.make_node("Min", ["b", "one"], ["out"])]
    last = "a" if logits else "out"
    names = [f"d{place}" for place in range(outputs)]
    nodes += [helper.make_node("Cast", [last], [name], to=TensorProto.FLOAT) for name in names]
    entry = "input" if resized_from else "x"
    graph = helper.make_graph(
        nodes,
        "drawn",
        [helper.make_tensor_value_info(entry, TensorProto.FLOAT, [1, 3, declared, declared])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 1, declared, declared]) for name in names],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)
    content: bytes = model.SerializeToString()
    return content


def draw_for(model: Model) -> bytes:
    """A drawn network with the signature of a row's."""
    if model.graph == "resized":
        return drawn(1024, outputs=12, resized_from=1024)
    return drawn(model.size("balanced"), logits=model.logits, outputs=7 if model.size("balanced") == 320 else 1)


def row(mirror: Mirror, model: Model, content: bytes) -> Model:
    """The row with its release on the loopback mirror, and the drawn file's md5."""
    mirror.files[model.file] = content
    release = Release(f"{mirror.url}/release/{model.file}", f"md5:{hashlib.md5(content).hexdigest()}")
    return replace(model, mirrors=(release,))


@contextmanager
def serving() -> Iterator[Mirror]:
    mirror = Mirror()
    with answering(_handler(mirror)) as port:
        mirror.url = f"http://127.0.0.1:{port}"
        yield mirror


def _handler(mirror: Mirror) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.0"

        def do_GET(self) -> None:
            """`/release/F` and `/owner/name/resolve/main/F` send on to where the bytes are, as both do."""
            name = self.path.rpartition("/")[2]
            if name not in mirror.files:
                mirror.asked.append((self.path, ""))
                self.send_error(404)
                return
            if not self.path.startswith("/objects/"):
                self.send_response(302)
                self.send_header("Location", f"{mirror.url}/objects/{name}")
                self.end_headers()
                return
            self._pour(name)

        def _pour(self, name: str) -> None:
            content, asked = mirror.files[name], self.headers.get("Range", "")
            mirror.asked.append((self.path, asked))
            assert "Authorization" not in self.headers
            if mirror.gate is not None:
                mirror.gate.wait(20)
            begin = int(asked.removeprefix("bytes=").rstrip("-") or 0)
            if begin >= len(content):
                self.send_error(416)
                return
            self.send_response(206 if asked else 200)
            self.send_header("Content-Length", str(len(content) - begin))
            self.end_headers()
            end = len(content) // 2 if name in mirror.cut else len(content)
            mirror.cut.discard(name)
            self.wfile.write(content[begin:end])

        def log_message(self, *args: object) -> None:
            pass

    return Handler


def use(monkeypatch: object, model: Model) -> None:
    """Put a row into the table for the length of a test."""
    monkeypatch.setitem(catalogue.MODELS, model.name, model)  # type: ignore[attr-defined]


HERE = Path(__file__).parent
