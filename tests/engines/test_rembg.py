"""rembg is the reference: the same weights through its own sessions and through ours give the same 8-bit alpha.

rembg stretches every mask to its own minimum and maximum; we do not (docs/models.md). The pictures here reach both
ends, so that stretching changes nothing.
"""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.engines import mirror as loopback
from tests.engines.mirror import drain
from vimix.engines import graphs, open_engine, runtime, still
from vimix.engines.catalogue import MODELS, Release

ROWS = [name for name, model in MODELS.items() if model.kind in ("network", "resized")]
MODEL_DIR = Path.home() / ".cache" / "vimix" / "models"


@pytest.fixture(scope="module")
def sessions():
    sessions = pytest.importorskip("rembg.sessions", reason="rembg is not installed")
    return {session.name(): session for session in sessions.sessions_class}


def photograph() -> np.ndarray:
    """A landscape picture with soft and hard edges, black and white in it."""
    from skimage import data

    rgb = np.ascontiguousarray(data.astronaut()[40:400])
    rgb[:20, :40], rgb[-20:, -40:] = (255, 0, 255), (0, 255, 0)
    return rgb


def by_rembg(session: type, name: str, content: bytes | Path, home: Path, rgb: np.ndarray, patch) -> np.ndarray:
    import onnxruntime

    patch.setenv("U2NET_HOME", str(home))
    home.mkdir(exist_ok=True)
    (home / f"{name}.onnx").write_bytes(content if isinstance(content, bytes) else content.read_bytes())
    (mask,) = session(name, onnxruntime.SessionOptions(), providers=["CPUExecutionProvider"]).predict(
        Image.fromarray(rgb)
    )
    return np.asarray(mask)


@pytest.mark.parametrize("name", ROWS)
def test_every_row_gives_what_rembg_gives(name: str, sessions, tmp_path: Path, monkeypatch) -> None:
    model, rgb = MODELS[name], photograph()
    content = loopback.draw_for(model)
    expected = by_rembg(sessions[name], name, content, tmp_path / "rembg", rgb, monkeypatch)
    monkeypatch.setattr(runtime, "_cpuinfo", lambda key: "")
    with loopback.serving() as mirror:
        loopback.use(monkeypatch, loopback.row(mirror, model, content))
        engine = drain(open_engine(name, quality="best", model_dir=tmp_path / "ours", device="cpu"))
    assert engine.precision == "f32"
    assert expected.min() == 0
    assert expected.max() == 255
    assert np.abs(engine.look(rgb).astype(int) - expected).max() <= 1


@pytest.mark.parametrize("name", ROWS)
def test_the_table_has_rembgs_addresses_and_sums(name: str, sessions) -> None:
    import inspect

    (release,) = (mirror for mirror in MODELS[name].mirrors if isinstance(mirror, Release))
    code = inspect.getsource(sessions[name])
    assert release.url in code
    assert release.checksum in code


@pytest.mark.weights
def test_the_real_network_gives_what_rembg_gives(sessions, tmp_path: Path, monkeypatch) -> None:
    model, rgb = MODELS["isnet-general-use"], photograph()
    drain(open_engine(model.name, quality="best", model_dir=MODEL_DIR, device="cpu"))
    graph = MODEL_DIR / f"{model.name}-1024.onnx"
    expected = by_rembg(sessions[model.name], model.name, graph, tmp_path / "rembg", rgb, monkeypatch)
    exact = still.looker(model, 1024, runtime.RUNTIMES["onnxruntime"](graph, 1024, "f32", None))(rgb)
    assert np.abs(exact.astype(int) - expected).max() <= 1
    engine = drain(open_engine(model.name, quality="best", model_dir=MODEL_DIR, device="cpu"))
    off = np.abs(engine.look(rgb).astype(int) - expected)
    assert off.mean() < 0.2  # bfloat16 where the processor has it: a few levels at a few edges


def test_a_half_network_is_made_to_measure(tmp_path: Path) -> None:
    """From 1024 fixed by a constant, in halves and out of order, to 512, 768 and 1024 in floats with one output."""
    import onnx

    source, rgb, model = tmp_path / "source.onnx", photograph(), MODELS["isnet-general-use"]
    source.write_bytes(loopback.draw_for(model))
    for size in (512, 768, 1024):
        target = tmp_path / f"{size}.onnx"
        graphs.make(source, target, size)
        made = onnx.load(target)
        onnx.checker.check_model(made, full_check=True)
        assert len(made.graph.output) == 1
        assert not graphs.is_half(target)
        alpha = still.looker(model, size, runtime.RUNTIMES["onnxruntime"](target, size, "f32", None))(rgb)
        assert alpha.shape == rgb.shape[:2]
        assert np.corrcoef(alpha.ravel(), rgb[:, :, 0].ravel())[0, 1] > 0.9


@pytest.mark.parametrize("name", ["u2net", "isnet-general-use", "birefnet-general"])
def test_the_graph_for_a_gpu_gives_what_the_processor_gives(name: str, tmp_path: Path) -> None:
    """The whole way inside the graph, run here by the processor: the same pixels, for any size and for a batch."""
    model = MODELS[name]
    size = model.size("fast")
    source, target, plain = (tmp_path / f"{part}.onnx" for part in ("source", "whole", "plain"))
    source.write_bytes(loopback.draw_for(model))
    graphs.whole(source, target, size, mean=model.mean, std=model.std, logits=model.logits)
    graphs.make(source, plain, size)
    run = runtime.open_on_gpu(target, provider="CPUExecutionProvider")
    cpu = still.looker(model, size, runtime.RUNTIMES["onnxruntime"](plain, size, "f32", None))
    far = 4 if model.logits else 2  # a tie rounded to the other side is a level; the drawn logits make it three
    rgb = photograph()
    batch = np.stack([rgb, rgb[::-1], rgb[:, ::-1]])
    for picture, alpha in zip(batch, still.together(size, run)(batch), strict=True):
        assert np.abs(alpha.astype(int) - cpu(picture)).max() <= far
    small = np.ascontiguousarray(rgb[:50, :31])
    assert still.whole_looker(size, run, 4)(small).shape == (50, 31)
