"""Colours are those that were meant: known patches, coded by hand, come back."""

from pathlib import Path

import av
import numpy as np
import pytest
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from tests import clips
from vimix.frame import Pixels
from vimix.media.colour import to_srgb
from vimix.media.decode import open_source

WEIGHTS = {1: (0.2126, 0.0722), 5: (0.299, 0.114), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}
PQ, HLG = 16, 18


def coded(rgb: NDArray[np.floating], matrix: int, *, full: bool, bits: int = 8) -> av.VideoFrame:
    """Signal (H, W, 3) in 0..1 as a 4:4:4 frame, by the definition in ITU-T H.273."""
    red, blue = WEIGHTS[matrix]
    luma = red * rgb[..., 0] + (1 - red - blue) * rgb[..., 1] + blue * rgb[..., 2]
    chroma = (rgb[..., 2] - luma) / 2 / (1 - blue), (rgb[..., 0] - luma) / 2 / (1 - red)
    unit, top = 1 << (bits - 8), (1 << bits) - 1
    planes = [luma * top if full else unit * (16 + 219 * luma)]
    planes += [(128 * unit) + part * (top if full else 224 * unit) for part in chroma]
    depth = np.uint8 if bits == 8 else np.uint16
    frame = av.VideoFrame(rgb.shape[1], rgb.shape[0], "yuv444p" if bits == 8 else f"yuv444p{bits}le")
    for plane, values in zip(frame.planes, planes, strict=True):
        rows = np.zeros((plane.height, plane.line_size // depth().itemsize), depth)
        rows[:, : plane.width] = np.round(values).clip(0, top)
        plane.update(rows.tobytes())
    frame.colorspace, frame.color_range = matrix, 2 if full else 1
    return frame


def patches(colours: NDArray[np.floating]) -> NDArray[np.floating]:
    return np.kron(colours, np.ones((16, 16, 1)))


def shown(frame: av.VideoFrame) -> Pixels:
    """The middle of each patch."""
    return to_srgb(frame, frame.width, frame.height, VideoReformatter(), alpha=False)[0][8::16, 8::16]


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("matrix", WEIGHTS)
def test_matrix_and_range_are_honoured(matrix: int, full: bool) -> None:
    wanted = np.random.default_rng(1).integers(0, 256, (8, 8, 3))
    found = shown(coded(patches(wanted / 255), matrix, full=full))
    assert np.abs(found.astype(int) - wanted).max() <= 3  # two roundings to 8 bits


@pytest.mark.parametrize(("size", "matrix"), [((64, 64), 6), ((1280, 720), 1)])
def test_untagged_clips_are_read_as_their_size_suggests(size: tuple[int, int], matrix: int) -> None:
    wanted = np.broadcast_to(np.array([200, 40, 60]) / 255, (size[1], size[0], 3))
    frame = coded(wanted, matrix, full=False)
    frame.colorspace, frame.color_range = 2, 0
    assert np.abs(shown(frame)[0, 0].astype(int) - [200, 40, 60]).max() <= 3


def pq(nits: NDArray[np.floating]) -> NDArray[np.floating]:
    level = (nits / 10000) ** (2610 / 16384)
    return ((3424 / 4096 + 2413 / 128 * level) / (1 + 2392 / 128 * level)) ** (2523 / 32)


def grey(signal: NDArray[np.floating], transfer: int) -> list[int]:
    frame = coded(patches(np.repeat(signal[None, :, None], 3, axis=2)), 9, full=False, bits=10)
    frame.color_trc, frame.color_primaries = transfer, 9
    found = shown(frame)[0]
    assert np.ptp(found.astype(int), axis=1).max() <= 1, "greys stay grey"
    return [int(value) for value in found[:, 0]]


def test_pq_keeps_the_middle_and_eases_the_highlights() -> None:
    dark, middle, white, *bright = grey(pq(np.array([0.0, 26.0, 203.0, 400.0, 1000.0, 4000.0])), PQ)
    assert dark == 0
    assert abs(middle - 100) <= 2  # 26 of 203 nits as sRGB: unchanged below the knee
    assert 220 <= white <= 236
    assert white < bright[0] < bright[1] <= 255
    assert bright[1:] == [255, 255]


def test_hlg_puts_paper_white_where_pq_does() -> None:
    signal = np.array([0.0, 0.5, 0.75, 1.0])
    dark, middle, white, peak = grey(signal, HLG)
    assert (dark, peak) == (0, 255)
    assert 125 <= middle <= 145
    assert 220 <= white <= 236


def test_the_gamut_is_narrowed() -> None:
    frame = coded(patches(pq(np.array([[[0.0, 203.0, 0.0]]]))), 9, full=False, bits=10)
    frame.color_trc, frame.color_primaries = PQ, 9
    red, green, blue = shown(frame)[0, 0]
    assert green > 225
    assert red == blue == 0


@pytest.mark.parametrize(("transfer", "name"), [(PQ, "PQ"), (HLG, "HLG")])
def test_an_hdr_clip_says_so(tmp_path: Path, transfer: int, name: str) -> None:
    tags = {PQ: "smpte2084", HLG: "arib-std-b67"}[transfer]
    params = f"log-level=none:colorprim=bt2020:transfer={tags}:colormatrix=bt2020nc:range=limited"
    truth = clips.draw(
        tmp_path / "a.mp4", frames=2, codec="libx265", pix_fmt="yuv420p10le", options={"x265-params": params}
    )
    source = open_source(truth.path)
    assert source.info.hdr == name
    assert "standard range" in source.warnings[0]
    assert len(list(source.frames())) == 2


def test_ten_bits_alone_are_not_hdr(tmp_path: Path) -> None:
    truth = clips.draw(tmp_path / "a.mp4", frames=2, codec="libx265", pix_fmt="yuv420p10le")
    source = open_source(truth.path)
    assert source.info.hdr is None
    assert np.abs(next(iter(source.frames())).rgb.astype(int) - truth.rgb[0]).mean() < 6
