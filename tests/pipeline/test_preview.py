"""Single pictures for the page: the filmstrip, and one frame previewed before a run."""

import base64
import io
from collections.abc import Generator
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from tests.matting.video.test_tracker import Eye
from tests.web.drawn import draw
from vimix.errors import Unreadable, UsageError
from vimix.matting.engine import Runtime
from vimix.matting.networks import engine as networks
from vimix.matting.networks.catalogue import Model
from vimix.matting.networks.network import Network
from vimix.options import Options
from vimix.pipeline import preview
from vimix.pipeline.preview import STRIP, corrected, filmstrip
from vimix.pipeline.request import Resources
from vimix.pipeline.run import run


def opened(uri: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


def resources(folder: Path) -> Resources:
    return Resources(folder / "models")


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return draw(tmp_path / "clip.mp4")


def test_a_filmstrip_shows_the_clip_from_end_to_end(clip: Path, tmp_path: Path) -> None:
    told = filmstrip(resources(tmp_path), str(clip))
    assert (told["seconds"], told["width"], told["height"]) == (2.0, 320, 180)
    pictures = [opened(shot).convert("RGB") for shot in told["strip"]]
    assert len(pictures) == STRIP
    assert len({picture.tobytes() for picture in pictures}) == STRIP
    assert sum(map(len, told["strip"])) < 60_000


def test_what_is_no_clip_has_no_film(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"hello")
    with pytest.raises(Unreadable):
        filmstrip(resources(tmp_path), str(tmp_path / "clip.mp4"))


def test_a_frame_before_a_screen_is_keyed_and_the_run_estimated(tmp_path: Path) -> None:
    clip = draw(tmp_path / "green.mp4", wall=(20, 176, 72))
    told = preview.preview(resources(tmp_path), str(clip), 0.5)
    (look,) = told["looks"]
    assert (look["model"], told["frames"]) == ("chroma", 24)
    alpha = opened(look["picture"]).getchannel("A")
    assert alpha.getpixel((5, 5)) == 0
    assert alpha.getpixel((100, 90)) == 255
    assert look["seconds"] > 0
    assert look["bytes"] > 1000


def test_a_preview_cuts_out_who_was_clicked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    eye = Eye()
    network = Network("isnet-general-use", eye, eye, Runtime("drawn", "cpu", "8 bit", ""), 0.2, 1)

    def opened_at(model: Model, *, quality: str, **how: object) -> Generator[None, None, Network]:
        assert (model.name, quality) == ("isnet-general-use", "balanced")  # as in the run
        yield None
        return network

    monkeypatch.setattr(networks, "open_network", opened_at)
    clip = draw(tmp_path / "two.mp4", wall=(120, 120, 120), second=True)
    places = {"left": (60, 90), "right": (240, 90)}
    for clicks, kept in (((), {"left", "right"}), (("0.2,0.5",), {"left"}), (("0.65,0.3,0.9,0.8,1.5",), {"right"})):
        told = preview.preview(resources(tmp_path), str(clip), 0, (), clicks)
        assert [look["look"] for look in told["looks"]] == ["fast", "balanced", "best"]
        times = [look["seconds"] for look in told["looks"]]
        assert times == sorted(times)
        alpha = opened(told["looks"][1]["picture"]).getchannel("A")
        found = {name for name, place in places.items() if int(str(alpha.getpixel(place))) > 200}
        assert found == kept
        assert all(int(str(alpha.getpixel(places[name]))) < 50 for name in places.keys() - kept)


def test_a_frame_of_a_finished_clip_is_corrected(tmp_path: Path) -> None:
    """A click takes the second ball out, a stroke puts the wall's corner in, in this frame and by the stored matte."""
    clip, matte = draw(tmp_path / "green.mp4", wall=(20, 176, 72), second=True), tmp_path / "matte"
    list(run(clip, tmp_path / "out.webp", Options(start=0.5, model="chroma"), resources(tmp_path), matte=matte))
    strokes = Image.new("RGBA", (320, 180))
    ImageDraw.Draw(strokes).rectangle((0, 0, 40, 30), fill=(0, 255, 0, 255))
    buffer = io.BytesIO()
    strokes.save(buffer, "PNG")
    paint = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
    asked = (resources(tmp_path), str(clip), str(matte), 0.5, 0.25)
    plain = opened(corrected(*asked)["picture"]).getchannel("A")
    mended = opened(corrected(*asked, ["-0.75,0.5,0.75"], [paint])["picture"]).getchannel("A")
    ball, second, corner = (120, 90), (240, 90), (12, 10)
    assert [plain.getpixel(place) for place in (ball, second, corner)] == [255, 255, 0]
    assert [mended.getpixel(place) for place in (ball, second, corner)] == [255, 0, 255]
    with pytest.raises(UsageError):
        corrected(*asked, ["elsewhere"])
