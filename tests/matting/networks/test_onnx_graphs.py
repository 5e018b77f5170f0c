"""rembg is the reference: the same weights through its own sessions and through ours give the same 8-bit alpha.

rembg stretches every mask to its own minimum and maximum; we do not (docs/models.md). The pictures here reach both
ends, so that stretching changes nothing.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.matting.networks import mirror as loopback
from vimix.events import returned
from vimix.frame import Pixels
from vimix.matting import image
from vimix.matting.networks import cpu, onnx_graphs, runtime
from vimix.matting.networks.catalogue import MODELS
from vimix.matting.networks.mirrors import Release
from vimix.matting.networks.network import open_network
from vimix.matting.registry import find

Sessions = dict[str, Any]
"""rembg's session classes by their names."""
ROWS = [
    name
    for name, model in MODELS.items()
    if model.kind == "network" and model.graph != "tflite" and not model.keeps_aspect
]
MODEL_DIR = Path.home() / ".cache" / "vimix" / "models"


@pytest.fixture(scope="module")
def sessions() -> Sessions:
    sessions = pytest.importorskip("rembg.sessions", reason="rembg is not installed")
    return {session.name(): session for session in sessions.sessions_class}


def photograph() -> np.ndarray:
    """A landscape picture with soft and hard edges, black and white in it."""
    from skimage import data

    rgb = np.ascontiguousarray(data.astronaut()[40:400])
    rgb[:20, :40], rgb[-20:, -40:] = (255, 0, 255), (0, 255, 0)
    return rgb


def by_rembg(
    session: Any, name: str, content: bytes | Path, home: Path, rgb: np.ndarray, patch: pytest.MonkeyPatch
) -> np.ndarray:
    import onnxruntime

    patch.setenv("U2NET_HOME", str(home))
    home.mkdir(exist_ok=True)
    (home / f"{name}.onnx").write_bytes(content if isinstance(content, bytes) else content.read_bytes())
    (mask,) = session(name, onnxruntime.SessionOptions(), providers=["CPUExecutionProvider"]).predict(
        Image.fromarray(rgb)
    )
    return np.asarray(mask)


@pytest.mark.parametrize("name", ROWS)
def test_every_row_gives_what_rembg_gives(
    name: str, sessions: Sessions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, rgb = MODELS[name], photograph()
    content = loopback.draw_for(model)
    expected = by_rembg(sessions[name], name, content, tmp_path / "rembg", rgb, monkeypatch)
    monkeypatch.setattr(cpu, "cpuinfo", lambda key: "")
    with loopback.serving() as mirror:
        loopback.use(monkeypatch, loopback.row(mirror, model, content))
        engine = returned(open_network(find(name), quality="best", model_dir=tmp_path / "ours", device="cpu"))
    assert engine.runtime.precision == "f32"
    assert expected.min() == 0
    assert expected.max() == 255
    assert np.abs(engine.predict(rgb).astype(int) - expected).max() <= 1


@pytest.mark.parametrize("name", ROWS)
def test_the_table_has_rembgs_addresses_and_sums(name: str, sessions: Sessions) -> None:
    import inspect

    (release,) = (mirror for mirror in MODELS[name].mirrors if isinstance(mirror, Release))
    code = inspect.getsource(sessions[name])
    assert release.url in code
    assert release.checksum in code


@pytest.mark.weights
def test_the_real_network_gives_what_rembg_gives(
    sessions: Sessions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, rgb = MODELS["isnet-general-use"], photograph()
    returned(open_network(find(model.name), quality="best", model_dir=MODEL_DIR, device="cpu"))
    graph = MODEL_DIR / f"{model.name}-1024.onnx"
    expected = by_rembg(sessions[model.name], model.name, graph, tmp_path / "rembg", rgb, monkeypatch)
    exact = image.cpu_predictor(model, 1024, runtime.RUNTIMES["onnxruntime"](graph, 1024, "f32", None))(rgb)
    assert np.abs(exact.astype(int) - expected).max() <= 1
    engine = returned(open_network(find(model.name), quality="best", model_dir=MODEL_DIR, device="cpu"))
    off = np.abs(engine.predict(rgb).astype(int) - expected)
    assert off.mean() < 0.2  # bfloat16 where the processor has it: a few levels at a few edges


@pytest.mark.weights
def test_eight_bits_move_a_photographs_mask_by_little(tmp_path: Path) -> None:
    """Run by ONNX Runtime, which any processor can; the activation ranges are of that network and of nothing else."""
    model, rgb, size = MODELS["isnet-general-use"], photograph(), 768
    graph, low = MODEL_DIR / f"{model.name}-{size}.onnx", tmp_path / "low.onnx"
    returned(open_network(find(model.name), quality="balanced", model_dir=MODEL_DIR, device="cpu"))
    onnx_graphs.quantize_int8(graph, low, name=model.name)
    assert low.stat().st_size < 0.26 * graph.stat().st_size
    exact, moved = (
        image.cpu_predictor(model, size, runtime.RUNTIMES["onnxruntime"](path, size, "f32", None))(rgb).astype(int)
        for path in (graph, low)
    )
    off = np.abs(moved - exact)
    print(f"{size}: {off.mean():.3f} levels on average, {100 * (off > 8).mean():.2f}% of pixels by more than 8")
    assert off.mean() < 1
    assert (off > 8).mean() < 0.05


NETWORK = """
<ir_version: 8, opset_import: ["" : 15]>
net (float[1,3,32,32] picture) => (float[1,1,32,32] seen)
{
    first = Conv<pads = [1, 1, 1, 1]>(picture, w1)
    second0 = Conv<pads = [1, 1, 1, 1]>(first, w2)
    second = Relu(second0)
    pooled = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(second)
    third0 = Conv<pads = [1, 1, 1, 1]>(pooled, w5)
    third = Relu(third0)
    large = Resize<mode = "linear">(third, , doubled)
    both = Concat<axis = 1>(second, large)
    fourth0 = Conv<pads = [1, 1, 1, 1]>(both, w3)
    fourth = Relu(fourth0)
    sum = Add(fourth, second)
    last = Conv(sum, w4)
    seen = Sigmoid(last)
}
"""


def test_a_network_in_eight_bits_says_what_it_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import json

    import onnx
    from onnx.reference import ReferenceEvaluator

    dice, model = np.random.default_rng(3), onnx.parser.parse_model(NETWORK)
    shapes = {"w1": (8, 3, 3, 3), "w2": (8, 8, 3, 3), "w3": (8, 16, 3, 3), "w4": (1, 8, 1, 1), "w5": (8, 8, 3, 3)}
    values = {name: dice.normal(0, 1.5 / np.sqrt(np.prod(shape[1:])), shape) for name, shape in shapes.items()}
    values["doubled"] = np.array([1, 1, 2, 2])
    model.graph.initializer.extend(
        onnx.numpy_helper.from_array(value.astype(np.float32), name) for name, value in values.items()
    )
    plain, low = tmp_path / "plain.onnx", tmp_path / "low.onnx"
    onnx.save(model, plain)
    names = onnx_graphs.activations(model.graph)
    assert names == ["first", "second", "large", "sum"]
    picture = dice.random((1, 3, 32, 32), np.float32)
    shown = onnx.ModelProto.FromString(model.SerializeToString())
    shown.graph.output.extend(onnx.helper.make_tensor_value_info(name, 1, None) for name in names)
    made = ReferenceEvaluator(shown).run(names, {"picture": picture})
    ranges = [float(np.abs(values).max()) for values in made]
    ranges[1:3] = [max(ranges[1:3])] * 2
    monkeypatch.setattr(onnx_graphs, "RANGES", tmp_path / "ranges.json")
    onnx_graphs.RANGES.write_text(json.dumps({"drawn": ranges, "other": ranges[:-1]}))
    onnx_graphs.quantize_int8(plain, low, name="drawn")
    onnx.checker.check_model(onnx.load(low), full_check=True)
    exact, moved = (runtime.RUNTIMES["onnxruntime"](path, 32, "f32", None)(picture) for path in (plain, low))
    assert exact.std() > 0.02
    assert 0 < np.abs(moved - exact).mean() < 0.002
    with pytest.raises(ValueError, match="not the network"):
        onnx_graphs.quantize_int8(plain, low, name="other")


def test_a_half_network_is_made_to_measure(tmp_path: Path) -> None:
    """From 1024 fixed by a constant, in halves and out of order, to 512, 768 and 1024 in floats with one output."""
    import onnx

    source, rgb, model = tmp_path / "source.onnx", photograph(), MODELS["isnet-general-use"]
    source.write_bytes(loopback.draw_for(model))
    for size in (512, 768, 1024):
        target = tmp_path / f"{size}.onnx"
        onnx_graphs.make(source, target, size)
        made = onnx.load(target)
        onnx.checker.check_model(made, full_check=True)
        assert len(made.graph.output) == 1
        assert not onnx_graphs.is_half(target)
        alpha = image.cpu_predictor(model, size, runtime.RUNTIMES["onnxruntime"](target, size, "f32", None))(rgb)
        assert alpha.shape == rgb.shape[:2]
        assert np.corrcoef(alpha.ravel(), rgb[:, :, 0].ravel())[0, 1] > 0.9


@pytest.mark.parametrize("name", ["u2net", "isnet-general-use", "birefnet-general"])
def test_the_graph_for_a_gpu_gives_what_the_processor_gives(name: str, tmp_path: Path) -> None:
    """Run here by the processor: the same masks, for both ways of resizing and for any place in a batch."""
    model = MODELS[name]
    size = model.size("best")
    source, target, plain = (tmp_path / f"{part}.onnx" for part in ("source", "whole", "plain"))
    source.write_bytes(loopback.draw_for(model))
    onnx_graphs.fuse_pre_and_post(source, target, size, model=model)
    onnx_graphs.make(source, plain, size)
    run = runtime.open_on_gpu(target, 3, provider="CPUExecutionProvider")
    on_processor = runtime.RUNTIMES["onnxruntime"](plain, size, "f32", None)
    far = 4 if model.logits else 2  # a tie rounded to the other side is a level; the drawn logits make it three
    rgb = photograph()

    def in_a_batch(small: Pixels, white: float) -> Pixels:
        pictures = np.stack([small[::-1], small, small[:, ::-1]])
        return np.asarray(run(pictures, np.array([9, white, 200], np.float32).reshape(3, 1, 1, 1))[1])

    for quick in (False, True):
        on_gpu = image.predictor(model, size, in_a_batch, quick=quick)(rgb)
        expected = image.cpu_predictor(model, size, on_processor, quick=quick)(rgb)
        assert np.abs(on_gpu.astype(int) - expected).max() <= far


def test_a_session_for_one_number_of_pictures_takes_no_other(tmp_path: Path) -> None:
    model = MODELS["u2net"]
    source, target = tmp_path / "source.onnx", tmp_path / "whole.onnx"
    source.write_bytes(loopback.draw_for(model))
    onnx_graphs.fuse_pre_and_post(source, target, 320, model=model)
    run = runtime.open_on_gpu(target, 2, provider="CPUExecutionProvider")
    assert run(np.zeros((2, 320, 320, 3), np.uint8), np.ones((2, 1, 1, 1), np.float32)).shape == (2, 320, 320)
    with pytest.raises(Exception, match=r"(?i)dimension|shape"):
        run(np.zeros((3, 320, 320, 3), np.uint8), np.ones((3, 1, 1, 1), np.float32))
