"""What every engine owes, asked of each kind of the registry by the same tests.

Networks are drawn, and served by a mirror on loopback. A kind that needs more than a clip has a row in `PREPARED`.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

from tests.contracts.toy_engine import TOY, Toy
from tests.matting.networks import mirror as loopback
from tests.matting.networks.mirror import drawn
from vimix.events import returned
from vimix.frame import Frame, Pixels, opaque
from vimix.matting import matte_file, registry
from vimix.matting.chroma_key import find_key
from vimix.matting.engine import EngineRequest, Matting
from vimix.matting.image import cut_each
from vimix.matting.networks import runtime
from vimix.matting.networks.catalogue import MODELS, Model
from vimix.matting.networks.network import open_network

SCREEN, DISC = (0, 190, 60), (230, 60, 40)
NETWORKS = ("u2netp", "isnet-general-use", "birefnet-general-lite")
"""A row for each way in which the catalogue's graphs differ."""
MODELS_OF = {"network": (*NETWORKS, pytest.param("portrait", marks=pytest.mark.weights)), "rembg": ("rembg:u2netp",)}
KINDS = {**registry.ENGINES, "toy": Toy()}


def models_of(kind: str) -> Sequence[object]:
    """Models to test a kind with: named above, else the catalogue's rows, else the kind alone."""
    rows = [row.name for row in (*MODELS.values(), TOY) if row.kind == kind]
    return MODELS_OF.get(kind) or rows or [kind]


def picture(width: int, height: int, middle: float) -> Pixels:
    """A red disc before a green screen."""
    y, x = np.mgrid[:height, :width]
    inside = (x - middle * width) ** 2 + (y - height / 2) ** 2 < (min(width, height) / 4) ** 2
    return np.where(inside[:, :, None], DISC, SCREEN).astype(np.uint8)


def clip(count: int, width: int = 96, height: int = 64, phase: float = 0.0) -> list[Frame]:
    """Frames of uneven length whose disc moves."""
    frames, time = [], Fraction(0)
    for place in range(count):
        rgb = picture(width, height, 0.3 + phase + 0.4 * place / max(count, 1))
        duration = Fraction(10 + place, 200)
        frames.append(Frame(rgb, opaque(height, width), time, duration))
        time += duration
    return frames


def _stored(request: EngineRequest, folder: Path) -> EngineRequest:
    """With the matte that a key stored for these very frames."""
    frames = request.first_frames(100)
    path = folder / f"{uuid4()}.matte"
    key = find_key(clip(2))
    assert key is not None
    about = {"model": "chroma", "engine": {"runtime": "", "device": "", "precision": "", "why": ""}}
    list(matte_file.store(path, about)(cut_each(key.alpha, workers=1)(frames)))
    return replace(request, stored=path)


def _unchanged(request: EngineRequest, folder: Path) -> EngineRequest:
    return request


PREPARED: dict[str, Callable[[EngineRequest, Path], EngineRequest]] = {"stored": _stored}


@dataclass(frozen=True)
class Prepare:
    """Prepares the engine under test for a clip."""

    model: Model
    models: Path
    folder: Path

    def __call__(self, frames: Sequence[Frame], **changes: Any) -> Matting:
        request = EngineRequest(
            first_frames=lambda count: list(frames[:count]) or clip(1),
            still=False,
            frames=len(frames),
            quality="fast",
            points=(),
            start=0.0,
            model_dir=self.models,
            mirrors=(),
            device="cpu",
            threads=2,
        )
        request = PREPARED.get(self.model.kind, _unchanged)(request, self.folder)
        matting: Matting = returned(registry.engine_of(self.model).prepare(self.model, replace(request, **changes)))
        return matting


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("models")
    own = folder / "rembg" / "models" / "u2netp" / "u2netp.onnx"
    own.parent.mkdir(parents=True)
    own.write_bytes(drawn(320, outputs=7))
    with loopback.serving() as mirror, pytest.MonkeyPatch.context() as patch:
        patch.setenv("REMBG_HOME", str(folder / "rembg"))
        for name in NETWORKS:
            loopback.use(patch, loopback.row(mirror, MODELS[name], loopback.draw_for(MODELS[name])))
        yield folder


@pytest.fixture(params=[model for kind in KINDS for model in models_of(kind)])
def prepare(request: pytest.FixtureRequest, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Prepare:
    monkeypatch.setitem(registry.ENGINES, "toy", KINDS["toy"])
    monkeypatch.setitem(MODELS, "toy", TOY)
    name = request.param
    folder = Path.home() / ".cache" / "vimix" / "models" if name == "portrait" else models
    model = registry.find(name) if name in MODELS or ":" in name else Model(name, "", "", kind=name)
    return Prepare(model, folder, tmp_path)


@pytest.mark.parametrize("count", [0, 1, 5])
def test_as_many_frames_with_the_same_times_and_pictures(prepare: Prepare, count: int) -> None:
    frames = clip(count)
    cut = list(prepare(frames).stage(frames))
    assert [(frame.time, frame.duration) for frame in cut] == [(frame.time, frame.duration) for frame in frames]
    for before, after in zip(frames, cut, strict=True):
        assert np.array_equal(before.rgb, after.rgb)
        assert after.alpha.dtype == np.uint8
        assert after.alpha.shape == before.alpha.shape


@pytest.mark.parametrize(("width", "height"), [(17, 33), (333, 11), (2, 2), (1, 1)])
def test_odd_sizes(prepare: Prepare, width: int, height: int) -> None:
    first = clip(1) if prepare.model.kind == "keyer" else clip(1, width, height)  # in two pixels there is no screen
    matting = prepare(first)
    if prepare.model.kind != "keyer":
        (cut,) = matting.stage(clip(1, width, height))
        assert cut.alpha.shape == (height, width)
    assert matting.single(clip(1, width, height)[0].rgb).shape == (height, width)


def test_the_subject_is_kept_and_the_rest_removed(prepare: Prepare) -> None:
    frames = clip(3)
    for frame, cut in zip(frames, prepare(frames).stage(frames), strict=True):
        inside = frame.rgb[:, :, 0] > 200
        assert cut.alpha[inside].mean() > cut.alpha[~inside].mean() + 100


def test_the_alpha_that_a_clip_brings_is_kept(prepare: Prepare) -> None:
    given = np.zeros((64, 96), np.uint8)
    given[:, 48:] = 128
    frames = [replace(frame, alpha=given) for frame in clip(2)]
    matting = prepare(clip(2) if prepare.model.kind != "stored" else frames)  # a stored matte is the product already
    for bare, cut in zip(prepare(clip(2)).stage(clip(2)), matting.stage(frames), strict=True):
        assert not cut.alpha[:, :48].any()
        assert np.abs(cut.alpha[:, 48:] - bare.alpha[:, 48:] * (128 / 255)).max() <= 1


def test_two_clips_at_once_share_nothing(prepare: Prepare) -> None:
    first, second = clip(4), clip(4, 64, 96, 0.2)
    one, other = prepare(first), prepare(second)
    alone = [[frame.alpha for frame in one.stage(first)], [frame.alpha for frame in other.stage(second)]]
    for ours, theirs, expected, also in zip(one.stage(first), other.stage(second), *alone, strict=True):
        assert np.array_equal(ours.alpha, expected)
        assert np.array_equal(theirs.alpha, also)


def test_closing_ends_all_that_was_begun(prepare: Prepare) -> None:
    matting = prepare(clip(50))
    before = threading.active_count()
    closed = []

    def frames() -> Iterator[Frame]:
        try:
            yield from clip(50)
        finally:
            closed.append(True)

    cut = matting.stage(frames())
    next(cut)
    cut.close()
    assert closed
    assert threading.active_count() == before


def test_it_says_what_runs_it(prepare: Prepare) -> None:
    matting = prepare(clip(2))
    assert set(matting.runtime.as_dict()) == {"runtime", "device", "precision", "why"}
    assert matting.model
    assert matting.seconds >= 0
    assert matting.timing


def test_frames_that_repeat_are_predicted_once() -> None:
    seen = []

    def counted(rgb: Pixels) -> Pixels:
        seen.append(rgb)
        return rgb[:, :, 0].copy()

    first, second = clip(2)
    frames = [first, first, Frame(first.rgb.copy(), first.alpha, Fraction(1), Fraction(1)), second, first]
    cut = list(cut_each(counted, workers=2)(frames))
    assert len(seen) == 3
    assert np.array_equal(cut[0].alpha, cut[2].alpha)
    assert not np.array_equal(cut[0].alpha, cut[3].alpha)


def test_a_failing_prediction_fails_the_clip() -> None:
    def broken(rgb: Pixels) -> Pixels:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        list(cut_each(broken, workers=2)(clip(3)))


def test_a_network_says_what_runs_it_and_is_opened_once(models: Path) -> None:
    network = returned(open_network(MODELS["u2netp"], quality="fast", model_dir=models, device="cpu"))
    assert network.runtime.runtime in ("openvino", "onnxruntime")
    assert network.runtime.precision in ("f32", "bf16")
    assert "onnxruntime f32" in network.runtime.why
    assert network.cost > 0
    assert network.parallel >= 1
    assert returned(open_network(MODELS["u2netp"], quality="best", model_dir=models, device="cpu")) is network


def test_what_is_fastest_is_found_out_once(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    returned(open_network(MODELS["u2netp"], quality="fast", model_dir=models, device="cpu"))
    monkeypatch.setattr(runtime, "_fastest", None)
    _, choice = returned(runtime.open_on_cpu(models / "u2netp.onnx", 320, cache=models / "compiled"))
    assert choice.machine
    monkeypatch.setattr(runtime, "_machine", lambda: "another processor")
    with pytest.raises(TypeError):
        returned(runtime.open_on_cpu(models / "u2netp.onnx", 320, cache=models / "compiled"))
