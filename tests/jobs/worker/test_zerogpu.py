"""Slices of a lent GPU, with a stand-in for the package `spaces` that does what ZeroGPU does: it forks, offers the
device inside of the call only, and ends the process at its limit. The device is the processor under another name."""

import asyncio
import json
import multiprocessing
import os
import time
import types
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from PIL import Image

from tests.clips import draw
from tests.matting.networks import mirror as loopback
from vimix.errors import Unavailable
from vimix.frame import Pixels
from vimix.jobs.worker import zerogpu
from vimix.jobs.worker.child_process import ChildProcess, as_json
from vimix.matting.networks import cuda, lent, runtime
from vimix.matting.networks.catalogue import MODELS
from vimix.matting.networks.cpu import machine
from vimix.matting.networks.device import LIGHT
from vimix.matting.networks.network import LENT
from vimix.pipeline.request import Resources
from vimix.settings import Settings

CARD, OFFERED = "NVIDIA Lent", "DRAWN_GPU_IS_OFFERED"
FRAMES, NAP = 12, 0.05


class Spaces(types.ModuleType):
    """The stand-in."""

    def __init__(self) -> None:
        super().__init__("spaces")
        self.slices = 0
        self.limit = 60.0
        self.quota = 99
        """Slices that may be had."""

    def GPU(self, duration: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        assert duration <= 60

        def decorate(task: Callable[..., Any]) -> Callable[..., Any]:
            def call(*given: Any) -> Any:
                self.slices += 1
                if self.slices > self.quota:
                    raise RuntimeError("You have exceeded your GPU quota")
                return self._in_a_fork(task, given)

            return call

        return decorate

    def _in_a_fork(self, task: Callable[..., Any], given: tuple[Any, ...]) -> Any:
        context = multiprocessing.get_context("fork")
        here, there = context.Pipe()

        def work() -> None:
            os.environ[OFFERED] = "yes"
            try:
                there.send((True, task(*given)))
            except Exception as error:
                there.send((False, RuntimeError(repr(error))))

        process = context.Process(target=work, daemon=True)
        with warnings.catch_warnings(action="ignore"):  # of forking beside threads, as ZeroGPU does
            process.start()
        there.close()
        try:
            here.poll(self.limit)
            process.kill()
            done, value = here.recv()
        except EOFError:
            raise RuntimeError("GPU task aborted") from None
        finally:
            process.join()
        if not done:
            raise value
        return value


@pytest.fixture
def spaces(monkeypatch: pytest.MonkeyPatch) -> Spaces:
    """The stand-in, and a GPU that there is in its forks only."""
    open_on_gpu, module = runtime.open_on_gpu, Spaces()

    def in_the_fork(graph: Path, batch: int, **named: Any) -> runtime.Batch:
        if OFFERED not in os.environ:
            raise Unavailable("The GPU cannot be used.", cause="outside of the call")
        session = open_on_gpu(graph, batch, provider="CPUExecutionProvider", **named)

        def run(rgb: Pixels, white: runtime.Tensor) -> Pixels:
            time.sleep(NAP)
            return session(rgb, white)

        return run

    monkeypatch.setattr(runtime, "open_on_gpu", in_the_fork)
    monkeypatch.setattr(cuda, "gpu", lambda: CARD if OFFERED in os.environ else "")
    monkeypatch.setitem(__import__("sys").modules, "spaces", module)
    monkeypatch.setattr(zerogpu, "_device", "")
    return module


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A drawn network that is as heavy as one that a lent GPU is used for."""
    network = onnx.load_from_string(loopback.draw_for(MODELS["u2net"]))
    network.doc_string = "-" * LIGHT
    folder = tmp_path / "models"
    folder.mkdir()
    onnx.save(network, folder / MODELS["u2net"].file)
    (folder / "compiled").mkdir()
    choice = runtime.Choice("onnxruntime", "f32", "drawn", 0.01, machine())  # finding it out takes seconds
    (folder / "compiled" / "u2net-320.json").write_text(json.dumps(asdict(choice)))
    return folder


def cut(clip: Path, folder: Path, models: Path, device: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The card and the events of a job in a child process, as a pool runs it."""
    folder.mkdir()
    options = {"model": "u2net", "format": "webp", "lossless": True, "steady": 0}
    spec = {"job": "1", "folder": str(folder), "clip": str(clip), "out": str(folder / "out.webp"), "matte": ""}
    events: list[dict[str, Any]] = []

    async def story() -> dict[str, Any]:
        child = ChildProcess(resources=as_json(Resources(models, device=device, threads=2)))
        try:
            return await child.run({**spec, "options": options}, events.append)
        finally:
            await child.kill()

    last = asyncio.run(story())
    assert last["ev"] == "done", last
    return last["card"], events


def alphas(folder: Path) -> Iterator[Pixels]:
    with Image.open(folder / "out.webp") as picture:
        for at in range(picture.n_frames):  # type: ignore[attr-defined]
            picture.seek(at)
            yield np.asarray(picture.convert("RGBA"))[..., 3]


def short(answer: Callable[..., int], seconds: float) -> Callable[..., int]:
    """Slices of so many seconds, once the network is open."""
    return lambda address, size, card, segment, left: answer(address, size, card, segment, seconds)


def test_a_clip_takes_several_slices_and_comes_out_as_on_a_processor(
    spaces: Spaces, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = draw(tmp_path / "clip.mp4", frames=FRAMES, fps=16).path
    monkeypatch.setattr(lent, "answer", short(lent.answer, 4.5 * NAP))
    device = zerogpu.open_lender()
    card, events = cut(clip, tmp_path / "lent", models, device)
    assert card["engine"]["device"] == CARD
    assert card["output"]["frames"] == FRAMES
    assert spaces.slices >= 2
    assert card["gpu"]["pictures"] > 5
    done = [event["done"] for event in events if event["ev"] == "progress"]
    assert done == sorted(done)
    assert len(done) > 2
    cut(clip, tmp_path / "plain", models, "cpu")
    off = [
        np.abs(first.astype(int) - second).mean()
        for first, second in zip(alphas(tmp_path / "lent"), alphas(tmp_path / "plain"), strict=True)
    ]
    assert np.mean(off) <= 1


def test_a_slice_that_is_ended_at_its_limit_is_taken_up_again(spaces: Spaces, models: Path, tmp_path: Path) -> None:
    clip = draw(tmp_path / "clip.mp4", frames=FRAMES, fps=16).path
    spaces.limit = 1.5  # while the lender believes in a minute
    card, _ = cut(clip, tmp_path / "lent", models, zerogpu.open_lender())
    assert card["engine"]["device"] == CARD
    assert card["output"]["frames"] == FRAMES


def test_without_a_slice_the_processor_does_it_and_the_card_says_so(
    spaces: Spaces, models: Path, tmp_path: Path
) -> None:
    clip = draw(tmp_path / "clip.mp4", frames=3, fps=3).path
    spaces.quota = 0
    card, events = cut(clip, tmp_path / "lent", models, zerogpu.open_lender())
    assert card["engine"]["device"] != CARD
    assert card["engine"]["why"].startswith("No GPU was lent: RuntimeError: You have exceeded your GPU quota. ")
    assert any("No GPU is lent" in event["text"] for event in events if event["ev"] == "note")


def test_when_no_more_slices_are_lent_the_processor_goes_on(
    spaces: Spaces, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vimix.matting.networks import onnx_graphs

    monkeypatch.setattr(lent, "answer", short(lent.answer, 4.5 * NAP))
    spaces.quota = 2
    graph = models / "u2net-320-gpu.onnx"
    onnx_graphs.fuse_pre_and_post(models / MODELS["u2net"].file, graph, 320, model=MODELS["u2net"])
    device, asked = zerogpu.open_lender(), list[int]()

    def otherwise() -> Callable[[Pixels, float], Pixels]:
        asked.append(1)
        return lambda small, white: small[..., 0]

    segment, card = lent.open_lent(device, graph, 320, "tf32", otherwise)
    assert card == CARD
    small = np.full((320, 320, 3), 9, np.uint8)
    masks = [segment(small, 255.0) for _ in range(20)]
    assert (spaces.slices, asked) == (3, [1])
    assert masks[-1].max() == 9
    assert masks[0].max() != 9


def test_a_space_says_whether_it_lends(spaces: Spaces, models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPACES_ZERO_GPU", raising=False)
    assert not zerogpu.wanted()
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    assert zerogpu.wanted()
    assert zerogpu.device(Settings(model_dir=models)) == "auto"
    device = zerogpu.open_lender()
    assert device.startswith(LENT)
    assert zerogpu.device(Settings(model_dir=models)) == device
    assert zerogpu.device(Settings(model_dir=models, device="cpu")) == "cpu"
    assert Path(device.removeprefix(LENT)).stat().st_mode & 0o077 == 0
