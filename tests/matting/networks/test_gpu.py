"""The way through a GPU, counted: the card is only said to be there, and its sessions are run by the processor."""

import threading
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.clips import draw
from tests.matting.networks import mirror as loopback
from vimix.errors import Unavailable
from vimix.events import returned
from vimix.frame import Pixels
from vimix.matting.networks import cuda, gpu, runtime
from vimix.matting.networks.catalogue import MODELS
from vimix.matting.networks.network import Network, open_network
from vimix.matting.registry import find
from vimix.matting.video.tracker import POLICIES, track_subject
from vimix.media.decode import open_source
from vimix.options import Options
from vimix.pipeline.request import Resources
from vimix.pipeline.run import run

CARD = "NVIDIA Drawn"
NETWORK = "isnet-general-use"


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Path, None, None]:
    with loopback.serving() as mirror:
        for name in ("u2netp", NETWORK):
            loopback.use(monkeypatch, loopback.row(mirror, MODELS[name], loopback.draw_for(MODELS[name])))
        yield tmp_path


@pytest.fixture
def shapes(monkeypatch: pytest.MonkeyPatch) -> Generator[list[tuple[int, ...]], None, None]:
    """What reaches the runtime, run by run."""
    seen: list[tuple[int, ...]] = []
    open_on_gpu = runtime.open_on_gpu

    def counted(graph: Path, batch: int, **named: Any) -> runtime.Batch:
        session = open_on_gpu(graph, batch, provider="CPUExecutionProvider", **named)

        def run(rgb: Pixels, white: runtime.Tensor) -> Pixels:
            assert (rgb.dtype, white.shape) == (
                np.dtype(np.uint8),
                (batch, 1, 1, 1),
            )  # bytes cross the bus, and a number each
            seen.append(rgb.shape)
            return session(rgb, white)

        return run

    monkeypatch.setattr(cuda, "gpu", lambda: CARD)
    monkeypatch.setattr(runtime, "open_on_gpu", counted)
    yield seen
    for thread in threading.enumerate():
        if thread.name == "vimix-gpu":  # what it prepares is not for the next test
            thread.join()


def opened(models: Path, name: str = NETWORK, device: str = "cuda", quality: str = "balanced") -> Network:
    network: Network = returned(open_network(find(name), quality=quality, model_dir=models, device=device))
    return network


def mattes(predict: Callable[[Pixels], Pixels], clip: Path) -> list[Pixels]:
    with closing(open_source(clip).frames()) as frames:
        return [frame.alpha.copy() for frame in track_subject(predict, policy=POLICIES["balanced"])(frames)]


def test_a_followed_clip_brings_one_shape_and_the_processors_mattes(
    models: Path, shapes: list[tuple[int, ...]], tmp_path: Path
) -> None:
    """Boxes of as many sizes as they like: the network meets one picture of one size, and nothing else is prepared."""
    clip = draw(tmp_path / "clip.mp4", frames=30, fps=15, size=(320, 240)).path
    boxes, network, plain = set(), opened(models), opened(models, device="cpu")

    def watched(rgb: Pixels) -> Pixels:
        boxes.add(rgb.shape)
        return network.predict_fast(rgb)

    on_gpu, on_cpu = mattes(watched, clip), mattes(plain.predict_fast, clip)
    assert len(boxes) > 3
    assert set(shapes) == {(1, 768, 768, 3)}
    off = [float(cv2.absdiff(first, second).mean()) for first, second in zip(on_gpu, on_cpu, strict=True)]
    print(f"mattes differ by {np.mean(off):.3f} levels on average")
    assert np.mean(off) <= 1
    assert sum(int(matte.any()) for matte in on_cpu) > 20


@pytest.mark.parametrize(("name", "parallel"), [(NETWORK, 16), ("u2netp", 32)])
def test_a_crowd_brings_few_shapes_each_prepared_once(
    models: Path, shapes: list[tuple[int, ...]], name: str, parallel: int
) -> None:
    network = opened(models, name)
    assert (network.runtime.device, network.parallel) == (CARD, parallel)
    assert network.runtime.precision == ("f16" if name == NETWORK else "tf32")
    dice = np.random.default_rng(2)
    pictures = [dice.integers(0, 256, (40 + at, 60, 3), np.uint8) for at in range(24)]
    with ThreadPoolExecutor(12) as pool:
        found = list(pool.map(network.predict, pictures))
    assert {shape[0] for shape in shapes} <= set(gpu.SIZES)
    assert len({shape[1:] for shape in shapes}) == 1
    plain = opened(models, name, "cpu")
    for picture, alpha in zip(pictures[::9], found[::9], strict=True):
        assert np.abs(alpha.astype(int) - plain.predict(picture)).max() <= 3


def test_sizes_are_added_once_pictures_wait_and_never_before(models: Path, shapes: list[tuple[int, ...]]) -> None:
    graph = models / "u2netp-320-gpu-tf32.onnx"
    opened(models, "u2netp")
    shapes.clear()
    on_gpu = gpu.open_sizes(graph, 320, "tf32")
    small = np.zeros((320, 320, 3), np.uint8)
    for _ in range(5):
        on_gpu.segment(small, 255.0)
    assert {shape[0] for shape in shapes} == {1}
    with ThreadPoolExecutor(8) as pool:
        while not on_gpu.ready.wait(0.01):
            list(pool.map(lambda _: on_gpu.segment(small, 255.0), range(16)))
        shapes.clear()
        list(pool.map(lambda _: on_gpu.segment(small, 255.0), range(64)))
    assert not on_gpu.refused
    assert {shape[0] for shape in shapes} <= set(gpu.SIZES)


@pytest.mark.parametrize("fault", ["mixed", "shape", "refused"])
def test_a_graph_for_one_picture_at_a_time_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    def session(graph: Path, batch: int, *, memory: int) -> runtime.Batch:
        def run(rgb: Pixels, white: runtime.Tensor) -> Pixels:
            assert len(rgb) == batch
            if batch > 1 and fault == "refused":
                raise RuntimeError("made for a batch of 1")
            return rgb[::-1, :, :, 0] if fault == "mixed" else rgb[:1, :, :, 0]

        return run

    monkeypatch.setattr(runtime, "open_on_gpu", session)
    graph = tmp_path / "graph.onnx"
    graph.write_bytes(b"")
    on_gpu = gpu.open_sizes(graph, 320, "tf32")
    small = np.full((320, 320, 3), 7, np.uint8)
    with ThreadPoolExecutor(8) as pool:
        while not on_gpu.ready.wait(0.01):
            list(pool.map(lambda _: on_gpu.segment(small, 255.0), range(16)))
        assert all(mask.min() == 7 for mask in pool.map(lambda _: on_gpu.segment(small, 255.0), range(20)))
    assert on_gpu.refused[0].startswith("no batches of 2 or more")


def test_a_gpu_that_fails_at_work_is_said(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(graph: Path, batch: int, **named: object) -> object:
        def run(rgb: Pixels, white: runtime.Tensor) -> Pixels:
            raise RuntimeError("no kernel image is available")

        return run

    monkeypatch.setattr(cuda, "gpu", lambda: CARD)
    monkeypatch.setattr(runtime, "open_on_gpu", broken)
    with pytest.raises(Unavailable) as caught:
        opened(models, "u2netp")
    assert "kernel image" in caught.value.cause


def test_the_card_counts_what_the_gpu_ran(models: Path, shapes: list[tuple[int, ...]], tmp_path: Path) -> None:
    clip = draw(tmp_path / "clip.mp4", frames=8, fps=8).path
    *_, done = run(clip, tmp_path / "out.webp", Options(model="u2netp"), Resources(models, device="cuda"))
    card = done.card  # type: ignore[union-attr]
    assert card["engine"]["device"] == CARD
    assert card["gpu"]["pictures"] >= card["gpu"]["batches"] >= 5
    assert 0 < card["gpu"]["seconds"] <= card["timings"]["total"]


def test_a_limit_that_is_too_tight_is_lifted_rather_than_the_gpu_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def session(graph: Path, batch: int, *, memory: int) -> runtime.Batch:
        asked.append(memory)
        if memory:
            raise RuntimeError("Available memory is smaller than requested")
        return lambda rgb, white: rgb[..., 0]

    monkeypatch.setattr(runtime, "open_on_gpu", session)
    monkeypatch.setattr(cuda, "memory", lambda: 16 * GB)
    graph = tmp_path / "graph.onnx"
    graph.write_bytes(b"")
    on_gpu = gpu.open_sizes(graph, 320, "tf32")
    assert (asked[0] > 0, asked[1:], on_gpu.limit, on_gpu.parallel) == (True, [0], 0, 2)
    assert on_gpu.segment(np.full((320, 320, 3), 5, np.uint8), 255.0).max() == 5


GB = 1 << 30


@pytest.mark.parametrize(
    ("size", "precision", "weights", "budget", "sizes", "most"),
    [
        (768, "f16", 88 << 20, int(16 * GB * 0.9) - gpu.RESERVED, [1, 2, 4, 8], 6.5),  # a T4 for one process
        (768, "f16", 88 << 20, int(4 * GB * 0.9) - gpu.RESERVED, [1, 2, 4], 2.9),  # a quarter of it
        (1024, "tf32", 950 << 20, int(16 * GB * 0.9) - gpu.RESERVED, [1, 2], 7.3),  # BiRefNet
        (320, "tf32", 4 << 20, 120 * GB, [1, 2, 4, 8, 16], 4),
        (1024, "tf32", 950 << 20, GB, [1], 0),
        (768, "f16", 88 << 20, 0, [1, 2, 4, 8], 0),
    ],
)
def test_memory_is_bounded(size: int, precision: str, weights: int, budget: int, sizes: list[int], most: float) -> None:
    limits = gpu.memory_limits(size, precision, weights, budget)
    assert list(limits) == sizes
    assert sum(limits.values()) <= min(most * GB, max(0, budget))
