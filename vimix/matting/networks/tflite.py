"""MediaPipe's selfie segmentation as an ONNX graph, so that it runs where every other network runs.

OpenCV reads the TFLite file too but takes four times as long for a picture, and OpenVINO refuses its one operation of
its own. The reader below knows as much of TFLite's schema (tensorflow/compiler/mlir/lite/schema/schema.fbs, version 3)
as this network needs. A FlatBuffer is tables, each of which begins with the offset to its vtable, which has the offset
of each field. Anything unknown raises `ValueError`."""

import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

from vimix.concurrency.files import place

ADD, POOL, CONV, DEPTHWISE, DEQUANTIZE, SIGMOID, MULTIPLY, RELU, RESIZE, CUSTOM, SWISH = (
    0, 1, 3, 4, 6, 14, 18, 19, 23, 32, 117,
)  # fmt: skip
"""`BuiltinOperator` of the schema. AVERAGE_POOL_2D covers the whole picture here; CUSTOM is MediaPipe's
Convolution2DTransposeBias."""
PLAIN = {ADD: "Add", MULTIPLY: "Mul", RELU: "Relu", SIGMOID: "Sigmoid", SWISH: "HardSwish", POOL: "GlobalAveragePool"}
NUMBERS = {0: np.float32, 1: np.float16, 2: np.int32}
"""`TensorType` of the schema."""


class Table:
    """A FlatBuffers table; fields by their id in the schema, absent ones by their default, 0."""

    def __init__(self, data: bytes, at: int) -> None:
        self.data, self.at = data, at

    def _read(self, kind: str, at: int) -> int:
        return int(struct.unpack_from("<" + kind, self.data, at)[0])

    def _field(self, index: int) -> int:
        vtable = self.at - self._read("i", self.at)  # its size, the table's size, then an offset a field: uint16 each
        offset = self._read("H", vtable + 4 + 2 * index) if 4 + 2 * index < self._read("H", vtable) else 0
        return self.at + offset if offset else 0

    def number(self, index: int, kind: str = "i") -> int:
        """A scalar, by its letter in `struct`."""
        at = self._field(index)
        return self._read(kind, at) if at else 0

    def table(self, index: int) -> "Table":
        """A table within."""
        at = self._field(index)
        return Table(self.data, at + self._read("I", at))

    def content(self, index: int, width: int = 1) -> bytes:
        """The bytes of a vector whose elements have `width`."""
        at = self._field(index)
        if not at:
            return b""
        at += self._read("I", at)
        return self.data[at + 4 : at + 4 + width * self._read("I", at)]

    def numbers(self, index: int) -> list[int]:
        """A vector of 32-bit numbers."""
        return [int(number) for number in np.frombuffer(self.content(index, 4), "<i4")]

    def tables(self, index: int) -> "list[Table]":
        """A vector of tables."""
        at = self._field(index)
        first = at + self._read("I", at)
        places = range(first + 4, first + 4 + 4 * self._read("I", first), 4)
        return [Table(self.data, place + self._read("I", place)) for place in places]


def convert(source: Path, target: Path) -> None:
    """Write the TFLite file `source` to `target` as ONNX: (N, 3, S, S) in, (N, 1, S, S) out, 0-1 both.

    Raises `ValueError` for an operator or an option that this network does not have, `OSError`.
    """
    data = source.read_bytes()
    model = Table(data, struct.unpack_from("<I", data)[0])
    (graph,), buffers = model.tables(2), model.tables(4)  # subgraphs, buffers; 1: operator_codes
    codes = [max(code.number(0, "b"), code.number(3)) for code in model.tables(1)]
    tensors = graph.tables(0)
    known: dict[int, NDArray[np.generic]] = {}
    for place_, tensor in enumerate(tensors):
        if content := buffers[tensor.number(2, "I")].content(0):
            known[place_] = np.frombuffer(content, NUMBERS[tensor.number(1, "b")]).reshape(tensor.numbers(0))
    nodes, weights = list[NodeProto](), list[TensorProto]()
    for operator in graph.tables(3):
        code, (made,) = codes[operator.number(0, "I")], operator.numbers(2)
        given = operator.numbers(1)
        if code == DEQUANTIZE:
            known[made] = known[given[0]].astype(np.float32)
        else:
            nodes.append(_node(code, operator, given, made, known, weights))
    ends = []
    for end in (*graph.numbers(1), *graph.numbers(2)):
        _, height, width, depth = tensors[end].numbers(0)
        ends.append(helper.make_tensor_value_info(str(end), TensorProto.FLOAT, ["n", depth, height, width]))
    made_graph = helper.make_graph(nodes, "portrait", ends[:1], ends[1:], weights)
    converted = helper.make_model(made_graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    onnx.checker.check_model(converted, full_check=True)
    place(target, converted.SerializeToString())


def _node(
    code: int,
    operator: Table,
    given: Sequence[int],
    made: int,
    known: dict[int, NDArray[np.generic]],
    weights: list[TensorProto],
) -> NodeProto:
    def weight(values: NDArray[np.generic], name: str) -> str:
        weights.append(numpy_helper.from_array(np.ascontiguousarray(values), f"{made}.{name}"))
        return f"{made}.{name}"

    names, out = [str(place_) for place_ in given], [str(made)]
    if code in PLAIN:
        return helper.make_node(PLAIN[code], names, out)
    if code == RESIZE:
        if not operator.table(4).number(3, "b"):
            raise ValueError("ResizeBilinear without half_pixel_centers is not supported")
        return helper.make_node(
            "Resize", [names[0], "", weight(np.array([1, 1, 2, 2], np.float32), "s")], out, mode="linear"
        )
    if code not in (CONV, DEPTHWISE, CUSTOM):
        raise ValueError(f"operator {code} of the TFLite file is not supported")
    kernel = known[given[1]]  # (out, height, width, in); depthwise: (1, height, width, channels)
    turned = kernel.transpose(0, 3, 1, 2) if code == CONV else kernel.transpose(3, 0, 1, 2)
    inputs = [names[0], weight(turned, "w"), weight(known[given[2]], "b")]
    if code == CUSTOM:
        _, across, down = np.frombuffer(operator.content(5), "<i4")
        return helper.make_node("ConvTranspose", inputs, out, strides=[int(down), int(across)])
    options = operator.table(4)
    if options.number(4 if code == DEPTHWISE else 3, "b"):
        raise ValueError("a fused activation function is not supported")
    return helper.make_node(
        "Conv",
        inputs,
        out,
        strides=[options.number(2), options.number(1)],
        auto_pad="VALID" if options.number(0, "b") else "SAME_UPPER",
        group=kernel.shape[3] if code == DEPTHWISE else 1,
    )
