"""Changes of ONNX graphs: another input size, one output, float32 weights, 8-bit integers, pre- and post-processing
fused.

A segmentation network exported at 1024 pixels is fixed to that size by constants alone: every `Resize` takes its
target height and width from one (IS-Net) and nothing else knows the size. Scaling these gives a network for 768
with the same weights.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import onnx.parser
from numpy.typing import NDArray
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper, shape_inference

from vimix.concurrency.files import place
from vimix.matting.networks.catalogue import Model

RANGES = Path(__file__).with_name("activation_ranges.json")
"""By name of a network, the activation ranges that `tools/calibrate.py` measured: the largest value of each of
`activations`, equal for the inputs of one Concat."""
QUANTIZED_OPS = ("Conv", "MaxPool", "Concat")
"""Operations whose inputs are quantized; the latter two pass the integers on as they are."""


def make(source: Path, target: Path, size: int) -> None:
    """Write to `target`, atomically, the graph of `source` for pictures of `size` x `size`, with its first output only.

    Raises `ValueError` where the graph cannot be brought to that size.
    """
    model = onnx.load(source)
    _keep_first_output(model)
    _to_float32(model)
    _set_input_size(model, size)
    shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
    place(target, model.SerializeToString())


PREPROCESSING = """
way_in (uint8[n,s,s,3] rgb, float[n,1,1,1] white) => (float[n,3,s,s] v_in)
<float v_zero = {0.0}, float v_one = {1.0}, float v_full = {255.0}>
{
    v_floats = Cast<to = 1>(rgb)
    v_planes = Transpose<perm = [0, 3, 1, 2]>(v_floats)
    v_unit = Div(v_planes, white)
    v_scaled = Mul(v_unit, v_scale)
    v_in = Sub(v_scaled, v_shift)
}
"""
POSTPROCESSING = """
way_out (float[n,1,s,s] v_seen) => (uint8[n,s,s] alpha)
{
    v_low = Sub(v_seen, v_level)
    v_stretched = Div(v_low, v_range)
    v_above = Max(v_stretched, v_zero)
    v_mask = Min(v_above, v_one)
    v_bytes = Mul(v_mask, v_full)
    v_plane = Reshape(v_bytes, v_flat)
    alpha = Cast<to = 2>(v_plane)
}
"""


def fuse_pre_and_post(source: Path, target: Path, size: int, *, model: Model) -> None:
    """Write to `target` the graph of `source` with the pre- and post-processing of `segment_floats` fused, for a GPU.

    In: `rgb` (N, size, size, 3) bytes and `white` (N, 1, 1, 1), the level of each picture that counts as 1. Out: masks
    (N, size, size) bytes. So only bytes cross the bus, once each way. N is left open: whoever runs it fixes it, as each
    change of shape makes cuDNN plan every convolution anew. Half-precision weights stay so.
    """
    made = onnx.load(source)
    _keep_first_output(made)
    _set_input_size(made, size)
    graph, before, after = made.graph, onnx.parser.parse_graph(PREPROCESSING), onnx.parser.parse_graph(POSTPROCESSING)
    enter = helper.make_node("Identity", ["v_in"], [graph.input[0].name])
    leave = helper.make_node("Sigmoid" if model.logits else "Identity", [graph.output[0].name], ["v_seen"])
    _replace(graph.node, [*before.node, enter, *graph.node, leave, *after.node])
    scale = 1 / np.array(model.std, np.float32).reshape(1, 3, 1, 1)
    numbers = {"v_scale": scale, "v_shift": np.array(model.mean, np.float32).reshape(1, 3, 1, 1) * scale}
    numbers["v_level"] = np.array(model.background_level, np.float32)
    numbers["v_range"] = np.array(1 - 2 * model.background_level, np.float32)
    numbers["v_flat"] = np.array([-1, size, size], np.int64)
    graph.initializer.extend([*before.initializer, *(numpy_helper.from_array(x, name) for name, x in numbers.items())])
    _replace(graph.input, before.input)
    _replace(graph.output, after.output)
    for value in (*graph.input, *graph.output):
        for side in value.type.tensor_type.shape.dim:
            if side.dim_param == "s":
                side.dim_value = size
    onnx.checker.check_model(made)
    place(target, made.SerializeToString())


def quantize_int8(source: Path, target: Path, *, name: str) -> None:
    """Write to `target` the graph of `source`, which `make` made, quantized to 8-bit integers in QDQ format.

    Weights are int8, symmetric, per output channel; activations uint8 (int8 after Conv) by the measured ranges of the
    network of that `name`. Raises
    `ValueError` where the file holds another network.
    """
    model = onnx.load(source)
    graph, names, known = model.graph, activations(model.graph), json.loads(RANGES.read_bytes())[name]
    if len(names) != len(known):
        raise ValueError("this is not the network whose activation ranges were measured")
    ranges: dict[str, float] = dict(zip(names, known, strict=True))
    weights = {weight.name: weight for weight in graph.initializer}
    nodes, numbers, low = list[NodeProto](), dict[str, NDArray[np.generic]](), set(ranges)
    for node in graph.node:
        if node.op_type == "Conv" and node.input[0] in low:
            weight = numpy_helper.to_array(weights.pop(node.input[1]))
            steps = np.abs(weight).max((1, 2, 3), keepdims=True).clip(1e-9) / 127
            numbers[f"{node.input[1]}_scale"] = steps.ravel()
            numbers[f"{node.input[1]}_quantized"] = np.rint(weight / steps).astype(np.int8)
            nodes.append(_dequantize(node.input[1]))
            node.input[1] += "_dequantized"
        elif node.op_type in QUANTIZED_OPS and low.issuperset(node.input):
            low.update(node.output)
        node.input[:] = [f"{part}_dequantized" if part in ranges else part for part in node.input]
        nodes.append(node)
        for made in ranges.keys() & node.output:
            most, kind = (127, np.int8) if node.op_type == "Conv" else (255, np.uint8)
            scale, zero = f"{made}_scale", f"{made}_zero"
            numbers |= {scale: np.array(ranges[made] / most, np.float32), zero: np.array(0, kind)}
            nodes += [
                helper.make_node("QuantizeLinear", [made, scale, zero], [f"{made}_quantized"]),
                _dequantize(made, zero),
            ]
    _replace(graph.node, nodes)
    _replace(graph.initializer, [*weights.values(), *(numpy_helper.from_array(x, key) for key, x in numbers.items())])
    place(target, model.SerializeToString())


def _dequantize(name: str, *zero: str) -> NodeProto:
    return helper.make_node(
        "DequantizeLinear", [f"{name}_quantized", f"{name}_scale", *zero], [f"{name}_dequantized"], axis=0
    )


def activations(graph: GraphProto) -> list[str]:
    """Names of the activations that reach convolutions, also through MaxPool and Concat, in the graph's order."""
    quantized = {part for node in graph.node if node.op_type in QUANTIZED_OPS for part in node.input}
    made = [(node.op_type, node.output[0]) for node in graph.node]
    return [name for kind, name in made if name in quantized and kind in ("Relu", "Add", "Resize", "Conv")]


def is_half(path: Path) -> bool:
    """Whether the weights are half-precision floats."""
    weights = onnx.load(path).graph.initializer
    return any(weight.data_type == TensorProto.FLOAT16 for weight in weights)


def _set_input_size(model: ModelProto, size: int) -> None:
    before = model.graph.input[0].type.tensor_type.shape.dim[2].dim_value
    if before and before != size:
        _scale_resizes(model, size / before)
    for value in (*model.graph.input, *model.graph.output):
        for side in (2, 3):
            value.type.tensor_type.shape.dim[side].dim_value = size


def _keep_first_output(model: ModelProto) -> None:
    """Remove all that the first output does not need, and sort the nodes topologically, which converters do not always
    do."""
    graph = model.graph
    makers = {output: node for node in graph.node for output in node.output}
    nodes, done, open_names = list[NodeProto](), set[str](), [graph.output[0].name]
    while open_names:
        node = makers.get(open_names[-1])
        waiting = [name for name in node.input if name in makers and name not in done] if node else []
        if waiting:
            open_names += waiting
        elif open_names.pop() not in done and node:
            done.update(node.output)
            nodes.append(node)
    used = {name for node in nodes for name in node.input}
    weights = [weight for weight in graph.initializer if weight.name in used]
    del graph.output[1:], graph.value_info[:]
    _replace(graph.node, nodes)
    _replace(graph.initializer, weights)


def _to_float32(model: ModelProto) -> None:
    """Convert float16 to float32: processors compute in float32 or bfloat16, and would convert at each layer."""
    graph = model.graph
    for weight in graph.initializer:
        _to_float(weight)
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.name == "value":
                _to_float(attribute.t)
    casts = {node.output[0]: node.input[0] for node in graph.node if _casts_floats(node)}
    ends = {value.name for value in graph.output}
    for node in graph.node:
        for index, name in enumerate(node.input):
            while name in casts:
                name = casts[name]
            node.input[index] = name
        if casts.get(node.output[0]) and node.output[0] in ends:
            node.CopyFrom(NodeProto(op_type="Identity", input=node.input, output=node.output))
    _replace(graph.node, [node for node in graph.node if node.output[0] not in casts or node.output[0] in ends])


def _casts_floats(node: NodeProto) -> bool:
    """Whether it casts to a float of some width; nothing in these graphs casts whole numbers to floats."""
    return node.op_type == "Cast" and node.attribute[0].i in (TensorProto.FLOAT, TensorProto.FLOAT16)


def _to_float(tensor: TensorProto) -> None:
    if tensor.data_type == TensorProto.FLOAT16:
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float32), tensor.name))


def _scale_resizes(model: ModelProto, factor: float) -> None:
    makers = {output: node for node in model.graph.node for output in node.output}
    weights = {weight.name: weight for weight in model.graph.initializer}
    for name in dict.fromkeys(_target_sizes(model, makers)):
        tensor = makers[name].attribute[0].t if name in makers else weights[name]
        sizes = numpy_helper.to_array(tensor).copy()
        sizes[-2:] = (sizes[-2:] * factor).round()  # before them, if anything, batch and depth
        tensor.CopyFrom(numpy_helper.from_array(sizes, tensor.name))


def _target_sizes(model: ModelProto, makers: dict[str, NodeProto]) -> list[str]:
    """Names of the constants (…, height, width) that Resize nodes go to; none where they follow the input's shape."""
    names: list[str] = []
    for node in model.graph.node:
        if node.op_type == "Resize" and len(node.input) > 3:
            join = makers.get(node.input[3])
            names += join.input[1:] if join is not None and join.op_type == "Concat" else [node.input[3]]
    return [name for name in names if name not in makers or makers[name].op_type == "Constant"]


def _replace(field: object, items: Sequence[object]) -> None:
    copies = [type(item).FromString(item.SerializeToString()) for item in items]  # type: ignore[attr-defined]
    del field[:]  # type: ignore[attr-defined]
    field.extend(copies)  # type: ignore[attr-defined]
