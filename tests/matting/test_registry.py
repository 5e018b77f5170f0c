"""The registry: which model `auto` means, and a new kind of engine that nothing but its row knows of."""

import asyncio
import base64
import io
import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.contracts.toy_engine import TOY, Toy
from tests.web.drawn import draw
from vimix import __main__ as command_line
from vimix.errors import UsageError
from vimix.frame import Frame, Pixels, opaque
from vimix.jobs.service import open_service
from vimix.matting import registry
from vimix.matting.engine import EngineRequest
from vimix.matting.networks.catalogue import MODELS
from vimix.options import Options
from vimix.pipeline import preview
from vimix.pipeline.request import Resources
from vimix.points import Point
from vimix.settings import Settings

RED, GREY, GREEN = (230, 60, 40), (120, 120, 120), (20, 176, 72)


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.ENGINES, "toy", Toy())
    monkeypatch.setitem(MODELS, "toy", TOY)


def request_of(rgb: Pixels, *points: str) -> EngineRequest:
    frame = Frame(rgb, opaque(*rgb.shape[:2]), Fraction(0), Fraction(1, 25))
    return EngineRequest(
        first_frames=lambda count: [frame],
        still=False,
        frames=1,
        quality="balanced",
        points=tuple(Point.parse(text) for text in points),
        start=0.0,
        model_dir=Path("models"),
        mirrors=(),
        device="cpu",
        threads=1,
    )


def before(wall: tuple[int, int, int]) -> Pixels:
    rgb = np.full((90, 120, 3), wall, np.uint8)
    rgb[30:, 40:80] = RED
    return rgb


def test_auto_keys_before_a_screen_and_else_takes_the_default_network() -> None:
    assert registry.resolve("auto", request_of(before(GREEN))).name == "chroma"
    assert registry.resolve("auto", request_of(before(GREY))).name == registry.DEFAULT
    assert registry.resolve("auto", request_of(before(GREEN), "0.5,0.5")).name == registry.DEFAULT
    assert registry.resolve("portrait", request_of(before(GREEN))).name == "portrait"


def test_every_row_names_a_kind_that_exists_and_other_names_are_refused() -> None:
    assert {row.kind for row in MODELS.values()} <= registry.ENGINES.keys()
    assert registry.find("rembg:anything").kind == "rembg"
    for name in ("nothing", "nothing:at-all"):
        with pytest.raises(UsageError, match="There is no model"):
            registry.find(name)


def test_a_new_engine_runs_from_the_command_line(toy: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clip = draw(tmp_path / "clip.mp4", wall=GREY)
    assert command_line.main([str(clip), str(tmp_path / "out.webp"), "--model", "toy", "--json"]) == 0
    card = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (card["model"], card["engine"]["runtime"]) == ("toy", "NumPy")
    assert 0.02 < card["coverage"] < 0.5
    assert command_line.main(["models"]) == 0
    assert "toy" in capsys.readouterr().out


def test_a_new_engine_is_previewed(toy: None, tmp_path: Path) -> None:
    clip = draw(tmp_path / "clip.mp4", wall=GREY)
    told = preview.preview(Resources(tmp_path), str(clip), 0.5, ["toy"])
    (look,) = told["looks"]
    assert look["model"] == "toy"
    alpha = np.asarray(Image.open(io.BytesIO(base64.b64decode(look["picture"].partition(",")[2]))).getchannel("A"))
    assert alpha.min() == 0
    assert alpha.max() == 255


def test_a_new_engine_works_on_a_job(tmp_path: Path) -> None:
    clip = draw(tmp_path / "clip.mp4", wall=GREY)
    settings = Settings(data_dir=tmp_path / "data", model_dir=tmp_path / "models")

    async def job() -> dict[str, object]:
        service = open_service(settings, workers=1, work="tests.contracts.toy_engine:run")
        await service.start()
        try:
            ticket = service.submit(clip, "clip.mp4", Options(model="toy"), visitor="somebody")
            async for shown in service.watch(ticket.job):
                last = shown
            assert last.card is not None, last
            return dict(last.card)
        finally:
            await service.stop(within=0)

    card = asyncio.run(job())
    assert card["model"] == "toy"
