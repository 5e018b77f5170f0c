"""The choice of a device, with a GPU that is only said to be there: its graph is run by the processor."""

import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from tests.matting.networks import mirror as loopback
from tests.matting.networks.mirror import drain
from vimix.errors import Unavailable
from vimix.matting.networks import runtime
from vimix.matting.networks.catalogue import MODELS
from vimix.matting.networks.network import open_network
from vimix.matting.registry import DEFAULT, find, warm_up

CARD = "NVIDIA Drawn"


@pytest.fixture
def models(tmp_path: Path, monkeypatch):
    with loopback.serving() as mirror:
        for name in ("u2netp", "isnet-general-use"):
            loopback.use(monkeypatch, loopback.row(mirror, MODELS[name], loopback.draw_for(MODELS[name])))
        yield tmp_path


def picture() -> np.ndarray:
    return np.random.default_rng(2).integers(0, 256, (40, 60, 3), np.uint8)


def test_importing_engines_imports_no_runtime() -> None:
    code = (
        "import sys, vimix.matting.registry;"
        "print(sorted({'onnxruntime', 'openvino', 'onnx', 'filelock'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_warming_up_fetches_nothing_and_saves_the_wait(models: Path) -> None:
    warm_up(models, "cpu")
    assert not list(models.iterdir())
    drain(open_network(find(DEFAULT), quality="fast", model_dir=models, device="cpu"))  # the weights are here now
    warm_up(models, "cpu")
    assert list(open_network(find(DEFAULT), quality="balanced", model_dir=models, device="cpu")) == []


def test_openvino_tells_nobody(tmp_path: Path) -> None:
    code = (
        "import sys, threading; from vimix.matting.networks import runtime; openvino = runtime._silent_openvino();"
        "openvino.Core();"
        "print([name for name in sys.modules if 'telemetry' in name], threading.active_count())"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"HOME": str(tmp_path)}
    )
    assert told.stdout == "[] 1\n"
    assert list(tmp_path.iterdir()) == []


def test_onnxruntime_tells_nobody(tmp_path: Path) -> None:
    code = "from vimix.matting.networks import runtime; runtime.silent_onnxruntime()"
    env = {"HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], check=True, env=env)
    assert list(tmp_path.iterdir()) == []  # it would leave a device's id


@pytest.mark.skipif(bool(runtime.gpu()), reason="there is a GPU here")
def test_a_gpu_that_is_asked_for_and_absent_is_said(models: Path) -> None:
    with pytest.raises(Unavailable, match="no NVIDIA GPU"):
        drain(open_network(find("u2netp"), quality="fast", model_dir=models, device="cuda"))


@pytest.mark.skipif(bool(runtime.gpu()), reason="there is a GPU here")
def test_a_gpu_without_its_libraries_is_left_aside_aloud(models: Path, monkeypatch) -> None:
    monkeypatch.setattr(runtime, "gpu", lambda: CARD)
    steps, notes = open_network(find("u2netp"), quality="fast", model_dir=models), []
    while True:
        try:
            notes.append(next(steps).text)
        except StopIteration as end:
            engine = end.value
            break
    assert f"{CARD} cannot be used; going on with the processor." in notes
    assert engine.runtime.why.startswith(f"{CARD} was left aside")
    assert engine.predict(picture()).shape == (40, 60)
    with pytest.raises(Unavailable, match="cannot be used"):
        drain(open_network(find("u2netp"), quality="fast", model_dir=models, device="cuda"))


@pytest.mark.parametrize("name", ["isnet-general-use", "u2netp"])
def test_on_a_gpu_pictures_that_wait_are_looked_at_together(models: Path, monkeypatch, name: str) -> None:
    processor = drain(open_network(find(name), quality="best", model_dir=models, device="cpu"))
    monkeypatch.setattr(runtime, "gpu", lambda: CARD)
    monkeypatch.setattr(runtime, "open_on_gpu", partial(runtime.open_on_gpu, provider="CPUExecutionProvider"))
    engine = drain(open_network(find(name), quality="best", model_dir=models, device="cuda"))
    assert (engine.runtime.device, engine.parallel) == (CARD, 8 if name == "isnet-general-use" else 32)
    assert engine.runtime.precision == ("f16" if name == "isnet-general-use" else "tf32")
    rgb = picture()
    assert np.abs(engine.predict(rgb).astype(int) - processor.predict(rgb)).max() <= 3


def test_a_graph_for_one_picture_at_a_time_is_found_out(models: Path, monkeypatch) -> None:
    def one(graph: Path) -> object:
        def run(rgb: np.ndarray, **sides: np.ndarray) -> np.ndarray:
            if len(rgb) > 1:
                raise RuntimeError("made for a batch of 1")
            return np.zeros((1, 1, *rgb.shape[1:3]), np.uint8)

        return run

    monkeypatch.setattr(runtime, "gpu", lambda: CARD)
    monkeypatch.setattr(runtime, "open_on_gpu", one)
    engine = drain(open_network(find("u2netp"), quality="fast", model_dir=models, device="cuda"))
    assert engine.parallel == 2
    assert "one picture at a time" in engine.runtime.why
    assert not engine.predict(picture()).any()


def test_a_gpu_that_fails_at_work_is_said(models: Path, monkeypatch) -> None:
    def broken(graph: Path) -> object:
        def run(**inputs: np.ndarray) -> np.ndarray:
            raise RuntimeError("no kernel image is available")

        return run

    monkeypatch.setattr(runtime, "gpu", lambda: CARD)
    monkeypatch.setattr(runtime, "open_on_gpu", broken)
    with pytest.raises(Unavailable) as caught:
        drain(open_network(find("u2netp"), quality="fast", model_dir=models, device="cuda"))
    assert "kernel image" in caught.value.cause


def test_a_file_that_cannot_be_resized_is_used_as_it_is_aloud(models: Path, monkeypatch) -> None:
    from vimix.matting.networks import onnx_graphs

    bring = onnx_graphs._bring_to

    def only_native(model: object, size: int) -> None:
        if size != 1024:
            raise ValueError("its sizes are everywhere")
        bring(model, size)

    monkeypatch.setattr(onnx_graphs, "_bring_to", only_native)
    engine = drain(open_network(find("isnet-general-use"), quality="fast", model_dir=models, device="cpu"))
    assert engine.runtime.why.startswith("This file could not be brought to 768 px (its sizes are everywhere)")
    assert engine.predict(picture()).shape == (40, 60)
