"""The files that networks are run from, made from the fetched ones when they are first needed, and kept beside them."""

from collections.abc import Generator
from pathlib import Path

from vimix.errors import Unavailable
from vimix.events import Note
from vimix.matting.networks.catalogue import Model


def cpu_graph(model: Model, size: int, source: Path) -> Generator[Note, None, Path]:
    """The file that a processor runs: the fetched one, or one made from it and kept beside it."""
    if model.graph == "as fetched":
        return source
    target = source.with_name(f"{model.name}-{size}.onnx")
    if not target.is_file():
        yield Note(f"Preparing {model.name} for {size} pixels.")
        from vimix.matting.networks import onnx_graphs, tflite

        try:
            if model.graph == "tflite":
                tflite.convert(source, target)
            else:
                onnx_graphs.make(source, target, size)
        except Exception as error:  # the onnx package has a dozen of its own
            raise Unavailable(f"The file of {model.name} is not the network we know.", cause=str(error)) from error
    return target


def gpu_graph(model: Model, size: int, source: Path, card: str) -> Generator[Note, None, tuple[Path, str]]:
    """The file that a GPU runs, and the precision it computes in, which is in the file's name: so that a process that
    finds it there need not load the onnx package, half a second of its start."""
    if model.keeps_aspect:  # the graph around a network has square pictures; this one is light enough for a processor
        raise Unavailable(f"{model.name} runs on the processor only.", cause="its input keeps the picture's aspect")
    if model.graph == "tflite":
        source = yield from cpu_graph(model, size, source)
    targets = {name: source.with_name(f"{model.name}-{size}-gpu-{name}.onnx") for name in ("f16", "tf32")}
    for precision, target in targets.items():
        if target.is_file():
            return target, precision
    yield Note(f"Preparing {model.name} for {card}.")
    from vimix.matting.networks import onnx_graphs

    try:
        precision = "f16" if onnx_graphs.is_half(source) else "tf32"
        onnx_graphs.fuse_pre_and_post(source, targets[precision], size, model=model)
    except Exception as error:  # the onnx package has a dozen of its own
        raise Unavailable(f"{model.name} cannot be made ready for the GPU.", cause=str(error)) from error
    return targets[precision], precision
