"""Writes the activation ranges of `isnet-general-use`, by which `matting/networks/onnx_graphs.py` scales integers.

    python -m tools.calibrate

The photographs are those that scikit-image carries, as they are, mirrored, cut, with a border of themselves, and
darker; a peak is the mean over the pictures of the largest value in each. On 100 stills at 768 pixels integers scaled
so move masks by 0.35 levels; scaled by the largest value of all 2.4, by the largest but one in 10,000 0.5.
"""

import json
import tempfile
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime
from skimage import data

from vimix.frame import Pixels
from vimix.matting.networks import onnx_graphs
from vimix.matting.networks.catalogue import find
from vimix.matting.networks.network import open_network
from vimix.settings import Settings

NAMES = "astronaut cat coffee rocket retina hubble_deep_field immunohistochemistry camera brick coins grass gravel moon"
SIZE = 768


def views() -> list[Pixels]:
    """Every second of five views of each photograph."""
    pictures: list[Pixels] = []
    for picture in (*(getattr(data, name)() for name in NAMES.split()), data.stereo_motorcycle()[0]):
        rgb = np.dstack([picture] * 3) if picture.ndim == 2 else picture[..., :3]
        height, width = rgb.shape[:2]
        high, wide = height // 4, width // 4
        wider = cv2.copyMakeBorder(rgb, high, high, wide, wide, cv2.BORDER_REFLECT)
        part = rgb[height // 6 : height - height // 6, wide : width - width // 8]
        pictures += [rgb, rgb[:, ::-1], part, np.asarray(wider, np.uint8), rgb // 2]
    return pictures[::2]


def ranges(graph: Path, pictures: list[Pixels]) -> list[float]:
    """The mean over the pictures of each activation's largest value; of what is joined, the largest of these."""
    model = onnx.load(graph)
    names = onnx_graphs.activations(model.graph)
    model.graph.output.extend(
        [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in names]
    )
    options = onnxruntime.SessionOptions()
    options.enable_cpu_mem_arena = False
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "told.onnx"
        onnx.save(model, told)
        session = onnxruntime.InferenceSession(told, options, providers=["CPUExecutionProvider"])
    seen = []
    for rgb in pictures:
        small = cv2.resize(np.ascontiguousarray(rgb), (SIZE, SIZE), interpolation=cv2.INTER_AREA)
        picture = (small / np.float32(small.max()) - np.float32(0.5)).transpose(2, 0, 1)[None]
        seen.append([np.abs(made).max() for made in session.run(names, {session.get_inputs()[0].name: picture})])
    found = dict(zip(names, np.mean(seen, 0).tolist(), strict=True))
    for node in model.graph.node:
        if node.op_type == "Concat" and found.keys() >= set(node.input):
            found.update(dict.fromkeys(node.input, max(found[name] for name in node.input)))
    return [float(f"{peak:.3g}") for peak in found.values()]


def main() -> None:
    """Open the network, so that its graph is there, and measure."""
    folder, name = Settings.load().model_dir, "isnet-general-use"
    assert find(name).size("balanced") == SIZE
    for note in open_network(find(name), quality="balanced", model_dir=folder, device="cpu"):
        print(note.text)
    found = {name: ranges(folder / f"{name}-{SIZE}.onnx", views())}
    onnx_graphs.RANGES.write_text(json.dumps(found) + "\n")
    print(f"{len(found[name])} activation ranges in {onnx_graphs.RANGES}")


if __name__ == "__main__":
    main()
