"""Pictures of known numbers with every signal of colour a file can carry, drawn by seed.

Each is 16 flat patches of 8x8 pixels, so that lossy formats keep them, opaque but where the mode has alpha.
"""

import io
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]
SRGB = ((0.3127, 0.3290), (0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
P3 = ((0.3127, 0.3290), (0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
ADOBE = ((0.3127, 0.3290), (0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
PROPHOTO = ((0.3457, 0.3585), (0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001))
PAL = ((0.3127, 0.3290), (0.64, 0.33), (0.29, 0.60), (0.15, 0.06))
GAMUTS = (SRGB, P3, ADOBE, PROPHOTO, PAL)
"""White, red, green and blue (x, y)."""
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
_D50 = np.array([0.9642, 1.0, 0.8249])


def _xyz(x: float, y: float) -> NDArray[np.float64]:
    return np.array([x / y, 1.0, (1 - x - y) / y])


def _profile(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    """An ICC profile of version 2 (ICC.1:2001-04)."""
    at, table, body = 128 + 4 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        table += name + struct.pack(">II", at + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    size = at + len(body)
    head = struct.pack(">I4sI4s4s4s", size, b"none", 0x02400000, b"mntr", space, b"XYZ ")
    head += struct.pack(">6H", 2024, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + _s15(*_D50)
    return head.ljust(128, b"\0") + table + body


def _s15(*numbers: float) -> bytes:
    return b"".join(struct.pack(">i", round(number * 65536)) for number in numbers)


def _about() -> dict[bytes, bytes]:
    text = b"test profile\0"
    described = b"desc" + bytes(4) + struct.pack(">I", len(text)) + text + bytes(4 + 4 + 2 + 1 + 67)
    return {b"desc": described, b"cprt": b"text" + bytes(4) + b"none\0", b"wtpt": b"XYZ " + bytes(4) + _s15(*_D50)}


def _curve(gamma: float) -> bytes:
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256))


def rgb_profile(gamut: tuple[tuple[float, float], ...], gamma: float) -> bytes:
    """Matrix and one curve, adapted to D50."""
    primaries = np.stack([_xyz(*corner) for corner in gamut[1:]], axis=1)
    white = _xyz(*gamut[0])
    adapt = np.linalg.inv(_BRADFORD) @ np.diag((_BRADFORD @ _D50) / (_BRADFORD @ white)) @ _BRADFORD
    matrix = adapt @ (primaries * np.linalg.solve(primaries, white))
    tags = _about()
    for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), matrix.T, strict=True):
        tags[name] = b"XYZ " + bytes(4) + _s15(*column)
    return _profile(b"RGB ", tags | {name: _curve(gamma) for name in (b"rTRC", b"gTRC", b"bTRC")})


def grey_profile(gamma: float) -> bytes:
    return _profile(b"GRAY", _about() | {b"kTRC": _curve(gamma)})


def patches(rng: np.random.Generator, channels: int, most: int) -> NDArray[np.int64]:
    """(32, 32, channels), 16 patches of one value each."""
    small = rng.integers(0, most + 1, (4, 4, channels))
    return small.repeat(8, axis=0).repeat(8, axis=1)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


def png(rng: np.random.Generator, kind: int, depth: int, chunks: dict[bytes, bytes]) -> bytes:
    """`kind` is the colour type: 0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGBA."""
    data = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", struct.pack(">IIBBBBB", 32, 32, depth, kind, 0, 0, 0))
    data += b"".join(_chunk(name, body) for name, body in chunks.items())
    values = patches(rng, {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[kind], (1 << depth) - 1)
    if kind in (4, 6):
        values[..., -1] = (1 << depth) - 1
    if kind == 3:
        data += _chunk(b"PLTE", rng.integers(0, 256, 3 << depth, np.uint8).tobytes())
    raw = values.astype(">u2").view(np.uint8) if depth == 16 else values.astype(np.uint8)
    if depth < 8:
        raw = np.packbits((values[..., 0, None] >> np.arange(depth - 1, -1, -1)) & 1, axis=None).reshape(32, -1)
    raw = raw.reshape(32, -1)
    return data + _chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row.tobytes() for row in raw))) + _chunk(b"IEND", b"")


MODES = ((0, 8), (0, 16), (2, 8), (2, 16), (3, 8), (3, 4), (4, 8), (4, 16), (6, 8), (6, 16), (0, 2))


def _gama(gamma: float) -> dict[bytes, bytes]:
    return {b"gAMA": struct.pack(">I", round(100_000 / gamma))}


def _chrm(gamut: tuple[tuple[float, float], ...]) -> dict[bytes, bytes]:
    return {b"cHRM": struct.pack(">8I", *(round(100_000 * place) for corner in gamut for place in corner))}


def _iccp(profile: bytes) -> dict[bytes, bytes]:
    return {b"iCCP": b"p\0\0" + zlib.compress(profile)}


def signals(rng: np.random.Generator) -> Iterator[tuple[str, dict[bytes, bytes]]]:
    """Chunks about colour, each alone and in company, with ten variations of their numbers."""
    yield "nothing", {}
    yield "sRGB", {b"sRGB": b"\0"}
    for gamma in (1.0, 1.4, 1.8, 2.0, 2.1, 2.2, 2.25, 2.4, 2.6, 3.0):
        yield f"gAMA {gamma}", _gama(gamma)
    for name, gamut in zip(("sRGB", "P3", "Adobe", "ProPhoto", "PAL"), GAMUTS, strict=True):
        yield f"cHRM {name}", _chrm(gamut)
        gamma = float(rng.choice([1.0, 1.8, 2.2, 2.4]))
        yield f"gAMA {gamma} cHRM {name}", _gama(gamma) | _chrm(gamut)
        yield f"iCCP {name} {gamma}", _iccp(rgb_profile(gamut, gamma))
        yield f"iCCP {name} 2.2", _iccp(rgb_profile(gamut, 2.2))
    for gamma in (1.0, 1.8, 2.2):
        yield f"iCCP grey {gamma}", _iccp(grey_profile(gamma))
    for primaries, transfer in (
        (1, 13), (12, 13), (9, 13), (1, 1), (9, 1), (9, 14), (12, 1), (1, 8), (1, 4), (1, 5), (12, 4), (5, 13), (6, 6),
        (5, 5), (4, 4), (11, 13), (22, 13), (10, 13), (9, 15), (1, 7), (8, 13), (2, 2), (12, 8), (9, 8), (1, 11),
    ):  # fmt: skip
        yield f"cICP {primaries} {transfer}", {b"cICP": bytes([primaries, transfer, 0, 1])}
    yield "cICP over iCCP", {b"cICP": bytes([12, 13, 0, 1])} | _iccp(rgb_profile(ADOBE, 1.8))
    yield "iCCP over gAMA", _iccp(rgb_profile(P3, 2.2)) | _gama(1.0)
    yield "sRGB over gAMA", {b"sRGB": b"\0"} | _gama(1.0) | _chrm(P3)
    yield "cICP limited", {b"cICP": bytes([12, 13, 0, 0])}
    yield "iCCP broken", {b"iCCP": b"p\0\0" + zlib.compress(b"no profile")}


def others(rng: np.random.Generator) -> Iterator[tuple[str, str, bytes]]:
    """JPEG, WebP and AVIF with profiles, AVIF with nclx."""
    rgb = Image.fromarray(patches(rng, 3, 255).astype(np.uint8))
    grey = Image.fromarray(patches(rng, 1, 255).astype(np.uint8)[..., 0])
    for name, gamut in zip(("sRGB", "P3", "Adobe", "ProPhoto", "PAL"), GAMUTS, strict=True):
        gamma = float(rng.choice([1.0, 1.8, 2.2, 2.4]))
        profile = rgb_profile(gamut, gamma)
        yield f"JPEG {name} {gamma}", "jpg", _saved(rgb, "JPEG", quality=100, subsampling=0, icc_profile=profile)
        yield f"WebP {name} {gamma}", "webp", _saved(rgb, "WEBP", lossless=True, icc_profile=profile)
        yield f"AVIF {name} {gamma}", "avif", _saved(rgb, "AVIF", quality=100, subsampling="4:4:4", icc_profile=profile)
    for gamma in (1.0, 1.8, 2.2):
        yield f"JPEG grey {gamma}", "jpg", _saved(grey, "JPEG", quality=100, icc_profile=grey_profile(gamma))
    yield "JPEG grey, RGB profile", "jpg", _saved(grey, "JPEG", quality=100, icc_profile=rgb_profile(P3, 1.8))
    plain = _saved(rgb, "AVIF", quality=100, subsampling="4:4:4")
    at = plain.index(b"colrnclx") + 8
    for primaries, transfer in (
        (1, 13), (12, 13), (9, 13), (9, 1), (1, 1), (1, 8), (1, 4), (12, 8), (12, 1), (2, 2), (5, 13), (6, 6), (11, 13),
    ):  # fmt: skip
        data = plain[:at] + struct.pack(">HH", primaries, transfer) + plain[at + 4 :]
        yield f"AVIF nclx {primaries} {transfer}", "avif", data


def _saved(image: Image.Image, kind: str, **how: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **how)
    return file.getvalue()
