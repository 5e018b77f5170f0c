import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

from vimix.events import returned
from vimix.matting.networks import runtime, tflite
from vimix.matting.networks.catalogue import MODELS
from vimix.matting.networks.network import open_network
from vimix.matting.registry import find

MODEL_DIR = Path.home() / ".cache" / "vimix" / "models"


@pytest.mark.weights
def test_the_converted_network_sees_what_opencvs_reader_sees(tmp_path: Path) -> None:
    from skimage import data

    returned(open_network(find("portrait"), quality="fast", model_dir=MODEL_DIR, device="cpu"))
    source = MODEL_DIR / MODELS["portrait"].file
    picture = cv2.resize(data.astronaut(), (256, 256), interpolation=cv2.INTER_AREA).transpose(2, 0, 1)[None]
    picture = np.ascontiguousarray(picture, np.float32) / np.float32(255)
    tflite.convert(source, tmp_path / "portrait.onnx")
    ours = runtime.RUNTIMES["onnxruntime"](tmp_path / "portrait.onnx", 256, "f32", None)(picture)
    net = cv2.dnn.readNetFromTFLite(str(source))
    net.setInput(picture)
    assert np.abs(ours - net.forward().reshape(ours.shape)).max() < 1e-3
    assert 0.2 < float((ours > 0.5).mean()) < 0.7


def test_what_is_no_such_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "junk.tflite").write_bytes(bytes(64))
    with pytest.raises((ValueError, struct.error)):
        tflite.convert(tmp_path / "junk.tflite", tmp_path / "out.onnx")
    assert not (tmp_path / "out.onnx").exists()
