"""Network graphs made to measure: another input size, one output, plain float32.

A segmentation network exported at 1024 pixels is fixed to that size by constants alone: every `Resize` takes its
target height and width from one (IS-Net) and nothing else knows the size. Scaling these gives a network for 768 or
512 with the same weights.
"""

import os
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, TensorProto, numpy_helper, shape_inference


def make(source: Path, target: Path, size: int) -> None:
    """Write to `target`, atomically, the graph of `source` for pictures of `size` x `size`, with its first output only.

    Raises `ValueError` where the graph cannot be brought to that size.
    """
    model = onnx.load(source)
    before = model.graph.input[0].type.tensor_type.shape.dim[2].dim_value
    _keep_first_output(model)
    _widen(model)
    if before and before != size:
        _scale(model, size / before)
    for value in (*model.graph.input, *model.graph.output):
        for side in (2, 3):
            value.type.tensor_type.shape.dim[side].dim_value = size
    shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
    place(target, model.SerializeToString())


def place(target: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all."""
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)
        os.replace(name, target)
    except BaseException:
        os.unlink(name)
        raise


def _keep_first_output(model: ModelProto) -> None:
    graph = model.graph
    makers = {output: node for node in graph.node for output in node.output}
    needed, open_names = set[str](), [graph.output[0].name]
    while open_names:
        name = open_names.pop()
        if name not in needed:
            needed.add(name)
            open_names.extend(makers[name].input if name in makers else ())
    nodes = [node for node in graph.node if needed.intersection(node.output)]
    weights = [weight for weight in graph.initializer if weight.name in needed]
    del graph.output[1:], graph.value_info[:]
    _replace(graph.node, nodes)
    _replace(graph.initializer, weights)


def _widen(model: ModelProto) -> None:
    """Half floats to floats: processors compute in float or bfloat16, and would convert back and forth at each layer."""
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
        for place, name in enumerate(node.input):
            while name in casts:
                name = casts[name]
            node.input[place] = name
        if casts.get(node.output[0]) and node.output[0] in ends:
            node.CopyFrom(NodeProto(op_type="Identity", input=node.input, output=node.output))
    _replace(graph.node, [node for node in graph.node if node.output[0] not in casts or node.output[0] in ends])


def _casts_floats(node: NodeProto) -> bool:
    """Whether it casts to a float of some width; nothing in these graphs casts whole numbers to floats."""
    return node.op_type == "Cast" and node.attribute[0].i in (TensorProto.FLOAT, TensorProto.FLOAT16)


def _to_float(tensor: TensorProto) -> None:
    if tensor.data_type == TensorProto.FLOAT16:
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float32), tensor.name))


def _scale(model: ModelProto, factor: float) -> None:
    makers = {output: node for node in model.graph.node for output in node.output}
    weights = {weight.name: weight for weight in model.graph.initializer}
    for name in dict.fromkeys(_target_sizes(model, makers)):
        tensor = makers[name].attribute[0].t if name in makers else weights[name]
        sizes = numpy_helper.to_array(tensor)
        tensor.CopyFrom(numpy_helper.from_array((sizes * factor).round().astype(sizes.dtype), tensor.name))


def _target_sizes(model: ModelProto, makers: dict[str, NodeProto]) -> list[str]:
    """Names of the constants (height, width) that the Resize nodes go to; empty where they follow the input's shape."""
    joins = [makers.get(node.input[3]) for node in model.graph.node if node.op_type == "Resize" and len(node.input) > 3]
    joined = [join.input[1] for join in joins if join is not None and join.op_type == "Concat"]
    return [name for name in joined if name not in makers or makers[name].op_type == "Constant"]


def _replace(field: object, items: list[object]) -> None:
    copies = [type(item).FromString(item.SerializeToString()) for item in items]  # type: ignore[attr-defined]
    del field[:]  # type: ignore[attr-defined]
    field.extend(copies)  # type: ignore[attr-defined]
