"""Signals of colour in pictures: what the file says decides what is seen. Values by littlecms and by the standards."""

import io
import struct
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from tests.media.random_animations import _chunk
from vimix.media.decode import open_source

COLOUR = (180, 60, 90)
P3_IN_SRGB = (196, 47, 89)
"""`COLOUR` in Display P3, by littlecms."""


def p3() -> bytes:
    """A Display P3 profile, made by littlecms from its primaries."""
    profile = ImageCms.createProfile("sRGB")
    data = bytearray(ImageCms.ImageCmsProfile(profile).tobytes())
    # XYZ of Display P3's primaries, adapted to D50 (SMPTE EG 432-1), as s15Fixed16
    places = {b"rXYZ": (0.5151, 0.2412, -0.0011), b"gXYZ": (0.2920, 0.6922, 0.0419), b"bXYZ": (0.1571, 0.0666, 0.7841)}
    for number in range(int.from_bytes(data[128:132], "big")):
        tag, offset, _ = struct.unpack_from(">4sII", data, 132 + 12 * number)
        if tag in places:
            struct.pack_into(">3i", data, offset + 8, *(round(value * 65536) for value in places[tag]))
        if tag == b"desc":
            size = struct.unpack_from(">I", data, 132 + 12 * number + 8)[0]
            data[offset : offset + size] = data[offset : offset + size].replace(b"\0s\0R\0G\0B", b"\0W\0i\0d\0e")
    return bytes(data)


def png(path: Path, *more: bytes, colour: tuple[int, ...] = COLOUR, palette: bool = False, frames: int = 0) -> Path:
    """A PNG of one colour with chunks of colour before the picture, perhaps as an animation."""
    kind = 3 if palette else 2
    row = b"\0" + (bytes(8) if palette else bytes(colour) * 8)
    data = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 4, 8, kind, 0, 0, 0)) + b"".join(more)
    data += _chunk(b"PLTE", bytes(colour)) if palette else b""
    if frames:
        data += _chunk(b"acTL", struct.pack(">II", frames, 0))
    for number in range(frames):
        data += _chunk(b"fcTL", struct.pack(">IIIIIHHBB", max(0, 2 * number - 1), 8, 4, 0, 0, 1, 10, 0, 0))
        if number:
            data += _chunk(b"fdAT", struct.pack(">I", 2 * number) + zlib.compress(row * 4))
        else:
            data += _chunk(b"IDAT", zlib.compress(row * 4))
    data += b"" if frames else _chunk(b"IDAT", zlib.compress(row * 4))
    path.write_bytes(data + _chunk(b"IEND", b""))
    return path


def seen(path: Path) -> NDArray[np.int64]:
    """The first pixel."""
    with closing(open_source(path).frames()) as frames:
        return np.asarray(next(frames).rgb[0, 0], np.int64)


def by_pillow(mode: str, **more: object) -> Callable[[Path], Path]:
    def save(path: Path) -> Path:
        path = path.with_suffix(str(more.get("suffix", ".png")))
        colour = COLOUR if mode != "RGBA" else (*COLOUR, 255)
        Image.new("RGB" if mode == "P" else mode, (8, 4), colour).convert(mode).save(
            path, icc_profile=p3(), lossless=True, quality=100
        )
        return path

    return save


ICC = _chunk(b"iCCP", b"profile\0\0" + zlib.compress(p3()))


@pytest.mark.parametrize(
    "make",
    [
        lambda path: png(path, ICC),
        lambda path: png(path, ICC, palette=True),
        lambda path: png(path, ICC, frames=2),
        by_pillow("RGBA"),
        by_pillow("RGB", suffix=".webp"),
        by_pillow("RGB", suffix=".jpg"),
        lambda path: png(path, _chunk(b"cICP", bytes([12, 13, 0, 1]))),
        lambda path: png(path, _chunk(b"cICP", bytes([12, 13, 0, 1])), palette=True),
    ],
)
def test_wide_gamuts_become_srgb_in_every_mode(make: Callable[[Path], Path], tmp_path: Path) -> None:
    assert np.abs(seen(make(tmp_path / "in.png")) - P3_IN_SRGB).max() <= 3


@pytest.mark.parametrize("gamma", [1.0, 0.8, 0.55556, 0.45455, 0.35])
@pytest.mark.parametrize("palette", [False, True])
def test_png_gamma(gamma: float, palette: bool, tmp_path: Path) -> None:
    chunk = _chunk(b"gAMA", struct.pack(">I", round(gamma * 100_000)))
    light = (np.array(COLOUR) / 255) ** (1 / gamma)
    expected = 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    if gamma == 0.45455:
        expected = np.array(COLOUR)
    assert np.abs(seen(png(tmp_path / "in.png", chunk, palette=palette)) - expected).max() <= 1


def test_an_srgb_chunk_has_precedence_over_gamma(tmp_path: Path) -> None:
    chunks = _chunk(b"sRGB", b"\0"), _chunk(b"gAMA", struct.pack(">I", 100_000))
    assert tuple(seen(png(tmp_path / "in.png", *chunks))) == COLOUR


def test_chromaticities_count_beside_a_gamma_only(tmp_path: Path) -> None:
    places = (31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)
    chunk = _chunk(b"cHRM", struct.pack(">8I", *places))
    assert tuple(seen(png(tmp_path / "alone.png", chunk))) == COLOUR
    with_gamma = png(tmp_path / "both.png", chunk, _chunk(b"gAMA", struct.pack(">I", 45455)))
    assert np.abs(seen(with_gamma) - P3_IN_SRGB).max() <= 6  # a power of 2.2 is not quite sRGB's curve


@pytest.mark.parametrize(("transfer", "grey", "expected"), [(16, 148, 228), (18, 191, 228)])
def test_hdr_pictures_are_tone_mapped_and_said_so(transfer: int, grey: int, expected: int, tmp_path: Path) -> None:
    path = png(tmp_path / "in.png", _chunk(b"cICP", bytes([9, transfer, 0, 1])), colour=(grey,) * 3)
    assert np.abs(seen(path) - expected).max() <= 12
    assert open_source(path).info.hdr == {16: "PQ", 18: "HLG"}[transfer]


@pytest.mark.parametrize("broken", [_chunk(b"iCCP", b"x\0\0" + zlib.compress(b"nothing")), _chunk(b"cHRM", bytes(32)),
                                    _chunk(b"gAMA", bytes(4)), _chunk(b"cICP", b"\x09")])  # fmt: skip
def test_broken_signals_leave_the_pixels_as_they_are(broken: bytes, tmp_path: Path) -> None:
    assert tuple(seen(png(tmp_path / "in.png", broken))) == COLOUR


@pytest.mark.parametrize("channels", [1, 3])
def test_sixteen_bit_colour_keys(channels: int, tmp_path: Path) -> None:
    """Two values that are equal in 8 bits: only one of them is the key."""
    values = np.array([[0x1234, 0x12AB]] * 2, ">u2")
    rows = np.repeat(values[..., None], channels, axis=2)
    data = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 2, 16, 0 if channels == 1 else 2, 0, 0, 0))
    data += _chunk(b"tRNS", b"\x12\x34" * channels)
    data += _chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))) + _chunk(b"IEND", b"")
    (tmp_path / "in.png").write_bytes(data)
    with closing(open_source(tmp_path / "in.png").frames()) as frames:
        assert next(frames).alpha.tolist() == [[0, 255]] * 2


@pytest.mark.parametrize(
    ("major", "others", "name"),
    [
        (b"mif1", [b"avif", b"miaf"], "avif"),
        (b"avif", [b"mif1"], "avif"),
        (b"mif1", [b"miaf", b"avif"], "avif"),
        (b"mp42", [b"mif1", b"avif"], "avif"),
        (b"iso8", [b"avif"], "avif"),
        (b"miaf", [b"avif"], "avif"),
    ],
)
def test_all_brands_decide_what_a_file_is(major: bytes, others: list[bytes], name: str, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 4), COLOUR).save(buffer, "AVIF", quality=100)
    data = buffer.getvalue()
    size = int.from_bytes(data[:4], "big")
    brands = (major + bytes(4) + b"".join(others)).ljust(size - 8, b"\0")[: size - 8]
    brands = brands if len(brands) == size - 8 else brands + bytes(size - 8 - len(brands))
    path = tmp_path / "in.avif"
    path.write_bytes(data[:8] + brands + data[size:])
    assert open_source(path).info.codec == name
    assert seen(path)[2] == pytest.approx(COLOUR[2], abs=4)


def test_the_colour_box_is_found_wherever_it_lies(tmp_path: Path) -> None:
    """Behind a hundred kilobytes that mean nothing: the place of the picture's data moves with it."""
    buffer = io.BytesIO()
    Image.new("RGB", (8, 4), (200, 60, 60)).save(buffer, "AVIF", quality=100, subsampling="4:4:4")
    data = buffer.getvalue()
    at = data.index(b"colrnclx") + 8
    data = data[:at] + struct.pack(">HH", 12, 13) + data[at + 4 :]  # Display P3
    size, mdat = int.from_bytes(data[:4], "big"), data.index(b"mdat") + 4
    filler = struct.pack(">I4s", 100_000, b"free").ljust(100_000, b"\0")
    moved = data[size:].replace(struct.pack(">I", mdat), struct.pack(">I", mdat + len(filler)), 1)
    (tmp_path / "near.avif").write_bytes(data)
    (tmp_path / "far.avif").write_bytes(data[:size] + filler + moved)
    near, far = (seen(tmp_path / name) for name in ("near.avif", "far.avif"))
    assert tuple(near) == tuple(far)
    assert near[0] > 205, "P3's red is redder than sRGB's"


@pytest.mark.parametrize("suffix", [".avif", ".heic"])
def test_hdr_is_mapped_from_all_of_its_bits(suffix: str, tmp_path: Path) -> None:
    """A ramp in PQ: its middle tones are steep, and from 8 bits every other one would be missing."""
    ramp = np.linspace(0, 65535, 64 * 48).reshape(48, 64).astype(np.uint16)
    rgb = np.ascontiguousarray(np.dstack([ramp] * 3))
    path = tmp_path / f"in{suffix}"
    if suffix == ".heic":
        heif = pytest.importorskip("pillow_heif").from_bytes("RGB;16", (64, 48), rgb.tobytes())
        nclx = {"color_primaries": 9, "transfer_characteristics": 16, "matrix_coefficients": 9}
        heif.save(path, quality=100, save_nclx_profile=True, full_range_flag=1, **nclx)
    else:
        with av.open(str(path), "w", format="avif") as file:
            stream = file.add_stream("libaom-av1" if "libaom-av1" in av.codecs_available else "libsvtav1", rate=1)
            assert isinstance(stream, av.VideoStream)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p10le"
            context = stream.codec_context
            context.options = {"crf": "5"}
            context.color_primaries, context.color_trc, context.colorspace, context.color_range = 9, 16, 9, 1
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb48le").reformat(format="yuv420p10le")
            file.mux([*stream.encode(frame), *stream.encode(None)])
    source = open_source(path)
    assert source.info.hdr == "PQ"
    with closing(source.frames()) as frames:
        assert len(np.unique(next(frames).rgb[..., 1])) > 200
