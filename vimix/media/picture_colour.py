"""Colours of still pictures and of animations' frames, as 8-bit sRGB: every signal that browsers honour, in one place.

In order of precedence (PNG specification, section 4.3): cICP, an ICC profile, sRGB, gAMA with cHRM; of HEIF and AVIF an
ICC profile, then the nclx colour box. PQ and HLG are tone-mapped like clips.
"""

import io
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from vimix.frame import Pixels
from vimix.media.colour import HDR, Tones, tone_map
from vimix.media.png import Colour

_SRGB_TRANSFERS = (1, 2, 6, 13, 14, 15)
"""Transfer characteristics of ITU-T H.273 that browsers show as sRGB."""
_WIDE_PRIMARIES = (9, 11, 12)
_SRGB_CHROMATICITIES = (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
"""White, red, green and blue (x, y) as cHRM has them, times 100,000."""
_SRGB_GAMMA = 45455
_HEAD = 1 << 16
"""Bytes in which the boxes before the pictures of a HEIF file lie."""


@dataclass(frozen=True, slots=True)
class Signals:
    """What a file says of its pictures' colours."""

    tones: Tones | None = None
    """Primaries and transfer of cICP or nclx, where they are not sRGB's."""
    gamma: float | None = None
    """Exponent from a sample (0-1) to light, where it is not sRGB's."""
    to_srgb: NDArray[np.float64] | None = None
    """(3, 3), linear light in the file's primaries to sRGB's."""
    ignores_profile: bool = False

    @property
    def hdr(self) -> str | None:
        """`PQ` or `HLG`."""
        return HDR.get(self.tones.transfer) if self.tones else None


def of_png(colour: Colour) -> Signals:
    """Of a PNG's chunks."""
    found = colour.chunks
    if len(code := found.get(b"cICP", b"")) >= 4:
        return Signals(_tones(code[0], code[1]), ignores_profile=True)
    if b"iCCP" in found or b"sRGB" in found:
        return Signals()
    gamma, matrix = found.get(b"gAMA", b""), found.get(b"cHRM", b"")
    value = int.from_bytes(gamma[:4], "big") if len(gamma) >= 4 else _SRGB_GAMMA
    places = struct.unpack(">8I", matrix[:32]) if len(matrix) >= 32 else _SRGB_CHROMATICITIES
    same = all(abs(one - other) < 1000 for one, other in zip(places, _SRGB_CHROMATICITIES, strict=True))
    plain = abs(value - _SRGB_GAMMA) < 1000 or not value
    return Signals(gamma=None if plain else 100_000 / value, to_srgb=None if same else _matrix(places))


def of_heif(path: Path) -> Signals:
    """Of the nclx colour box of a HEIF or AVIF file; an ICC profile, where there is one, has precedence."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    at = head.find(b"colrnclx")
    if at < 0 or len(head) < at + 12 or b"colrprof" in head or b"colrrICC" in head:
        return Signals()
    primaries, transfer = struct.unpack_from(">HH", head, at + 8)
    return Signals(_tones(primaries, transfer))


def to_srgb(image: Image.Image, signals: Signals) -> Pixels:
    """A decoded picture as (H, W, 3), or (H, W, 4) where something may shine through."""
    key = _deep_key(image)
    image = _eight_bits(image)
    image = image.convert("RGBA" if image.has_transparency_data else "RGB") if image.mode != "CMYK" else image
    if not signals.ignores_profile and (profile := image.info.get("icc_profile")):
        image = _by_profile(image, profile)
    pixels = np.array(image.convert("RGB") if image.mode == "CMYK" else image)
    if key is not None:
        pixels = np.dstack([pixels[..., :3], key])
    if signals.tones is not None:
        pixels[..., :3] = tone_map(pixels[..., :3].astype(np.uint16) * 257, signals.tones)
    elif signals.gamma is not None or signals.to_srgb is not None:
        pixels[..., :3] = _by_chromaticities(pixels[..., :3], signals)
    return pixels


def _tones(primaries: int, transfer: int) -> Tones | None:
    wide = primaries in _WIDE_PRIMARIES
    if transfer in HDR:
        return Tones(transfer, primaries if wide else 1)
    return Tones(13, primaries) if wide and transfer in _SRGB_TRANSFERS else None


def _deep_key(image: Image.Image) -> Pixels | None:
    """The alpha that a colour key makes of 16-bit grey; Pillow keeps the key and compares it with 8 bits."""
    key = image.info.get("transparency")
    if not image.mode.startswith("I") or not isinstance(key, int):
        return None
    return np.where(np.asarray(image).astype(np.int64) == key, np.uint8(0), np.uint8(255))


def _eight_bits(image: Image.Image) -> Image.Image:
    if not image.mode.startswith("I"):
        return image
    info = image.info
    grey = Image.fromarray((np.asarray(image).astype(np.uint32) >> 8).clip(0, 255).astype(np.uint8))
    grey.info = {name: value for name, value in info.items() if name != "transparency"}
    return grey


def _by_profile(image: Image.Image, profile: bytes) -> Image.Image:
    """In sRGB; a broken profile leaves the pixels as they are, as browsers do."""
    try:
        own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "sRGB" in ImageCms.getProfileDescription(own):
            return image
        space = own.profile.xcolor_space.strip()
        alpha = image.getchannel("A") if image.mode == "RGBA" else None
        source = image.convert({"GRAY": "L", "CMYK": "CMYK"}.get(space, "RGB"))
        turned = ImageCms.profileToProfile(source, own, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image
    if turned is None:
        return image
    if alpha is not None:
        turned.putalpha(alpha)
    return turned


def _by_chromaticities(rgb: Pixels, signals: Signals) -> Pixels:
    sample = np.arange(256) / 255
    light = sample**signals.gamma if signals.gamma else _srgb_to_light(sample)
    if signals.to_srgb is None:
        table = _light_to_srgb(light)
        return table[rgb]
    turned = light[rgb] @ signals.to_srgb.T
    return _light_to_srgb(turned)


def _srgb_to_light(sample: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(sample <= 0.04045, sample / 12.92, ((sample + 0.055) / 1.055) ** 2.4)


def _light_to_srgb(light: NDArray[np.float64]) -> Pixels:
    """IEC 61966-2-1."""
    light = np.clip(light, 0, 1)
    coded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.round(255 * coded).astype(np.uint8)


_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


def _matrix(places: tuple[int, ...]) -> NDArray[np.float64] | None:
    """Linear light in these primaries to sRGB's, whites adapted by Bradford's matrix; None where they are nonsense."""
    try:
        whole = np.linalg.inv(_to_xyz(_SRGB_CHROMATICITIES)) @ _adapted(places) @ _to_xyz(places)
    except (np.linalg.LinAlgError, ZeroDivisionError):
        return None
    return whole if np.isfinite(whole).all() else None


def _xyz(x: int, y: int) -> NDArray[np.float64]:
    return np.array([x / y, 1.0, (100_000 - x - y) / y])


def _to_xyz(places: tuple[int, ...]) -> NDArray[np.float64]:
    primaries = np.stack([_xyz(*places[at : at + 2]) for at in (2, 4, 6)], axis=1)
    matrix: NDArray[np.float64] = primaries * np.linalg.solve(primaries, _xyz(*places[:2]))
    return matrix


def _adapted(places: tuple[int, ...]) -> NDArray[np.float64]:
    scale = (_BRADFORD @ _xyz(*_SRGB_CHROMATICITIES[:2])) / (_BRADFORD @ _xyz(*places[:2]))
    matrix: NDArray[np.float64] = np.linalg.inv(_BRADFORD) @ np.diag(scale) @ _BRADFORD
    return matrix
