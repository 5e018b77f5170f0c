"""The choice of a devices on a processor, and where a GPU cannot be had."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from onnx import ModelProto

from tests.matting.networks import mirror as loopback
from vimix.errors import Unavailable
from vimix.events import Note, returned
from vimix.frame import Pixels
from vimix.matting.networks import cuda, runtime
from vimix.matting.networks.catalogue import MODELS
from vimix.matting.networks.network import open_network
from vimix.matting.registry import DEFAULT, find, warm_up

CARD = "NVIDIA Drawn"


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with loopback.serving() as mirror:
        for name in ("u2netp", "isnet-general-use"):
            loopback.use(monkeypatch, loopback.row(mirror, MODELS[name], loopback.draw_for(MODELS[name])))
        yield tmp_path


def picture() -> Pixels:
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
    returned(open_network(find(DEFAULT), quality="fast", model_dir=models, device="cpu"))  # the weights are here now
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


@pytest.mark.skipif(bool(cuda.gpu()), reason="there is a GPU here")
def test_a_gpu_that_is_asked_for_and_absent_is_said(models: Path) -> None:
    with pytest.raises(Unavailable, match="no NVIDIA GPU"):
        returned(open_network(find("u2netp"), quality="fast", model_dir=models, device="cuda"))


@pytest.mark.skipif(bool(cuda.gpu()), reason="there is a GPU here")
def test_a_gpu_without_its_libraries_is_left_aside_aloud(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda, "gpu", lambda: CARD)
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
        returned(open_network(find("u2netp"), quality="fast", model_dir=models, device="cuda"))


@pytest.mark.parametrize("error", [MemoryError(), Unavailable("No runtime here."), RuntimeError("no such operator")])
def test_whole_weights_that_do_not_load_are_not_told_as_damaged(
    models: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refuse(*given: object, **more: object) -> Iterator[Note]:
        yield Note("Finding out what runs it fastest.")
        raise error

    monkeypatch.setattr(runtime, "open_on_cpu", refuse)
    kind = MemoryError if isinstance(error, MemoryError) else Unavailable
    with pytest.raises(kind) as raised:
        returned(open_network(find("u2netp"), quality="fast", model_dir=models, device="cpu"))
    assert "damaged" not in str(raised.value)


def test_damaged_weights_are_told(models: Path) -> None:
    (models / MODELS["u2netp"].file).write_bytes(b"no network")
    with pytest.raises(Unavailable, match="u2netp are damaged: delete"):
        returned(open_network(find("u2netp"), quality="fast", model_dir=models, device="cpu"))


def test_a_file_that_cannot_be_resized_is_used_as_it_is_aloud(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from vimix.matting.networks import onnx_graphs

    bring = onnx_graphs._set_input_size

    def only_native(model: ModelProto, size: int) -> None:
        if size != 1024:
            raise ValueError("its sizes are everywhere")
        bring(model, size)

    monkeypatch.setattr(onnx_graphs, "_set_input_size", only_native)
    engine = returned(open_network(find("isnet-general-use"), quality="fast", model_dir=models, device="cpu"))
    assert engine.runtime.why.startswith("This file could not be brought to 768 px (its sizes are everywhere)")
    assert engine.predict(picture()).shape == (40, 60)
