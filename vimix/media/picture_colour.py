"""Colours of still pictures and of animations' frames, as 8-bit sRGB: every signal that browsers honour, in one place.

In order of precedence (PNG specification, section 4.3): cICP, an ICC profile, sRGB, gAMA with or without cHRM; of HEIF
and AVIF an ICC profile, then the nclx colour box. PQ and HLG are tone-mapped like clips. Where the specifications leave
a choice, Chromium's is taken: `tests/media/test_browser_colours.py` compares every signal with it.
"""

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from vimix.frame import Pixels
from vimix.media.colour import HDR, Tones, tone_map
from vimix.media.gamut import BY_PRIMARIES, Gamut, to_srgb_gamut
from vimix.media.mp4_index import all_but_media
from vimix.media.png import Colour

Floats = NDArray[np.float64]
Curve = Callable[[Floats], Floats]
"""Samples (0-1) to light (0-1)."""

_SRGB = 13
"""The transfer characteristic of sRGB (ITU-T H.273)."""
_LIKE_BT709 = (1, 6, 11, 14, 15)
"""Transfer characteristics (ITU-T H.273) that are shown with a gamma of 2.4 outside of HEIF and AVIF."""
_LIKE_SRGB = (1, 6, 14, 15)
"""Transfer characteristics that Chromium shows as sRGB in HEIF and AVIF, as it does in video."""
_SRGB_GAMMA, _NEAR = 45455, 0.05
"""A gAMA this near to 1/2.2 (libpng's PNG_GAMMA_THRESHOLD) stands for sRGB's curve, unless cHRM goes with it."""
_QUICK, _EXACT = ImageCms.Flags.NONE, ImageCms.Flags.NOOPTIMIZE
"""LittleCMS's quick way with grey is ten levels off in dark tones; this takes ten times as long, so only for a ramp."""


@dataclass(frozen=True, slots=True)
class Signals:
    """What a file says of its pictures' colours, beside an ICC profile."""

    tones: Tones | None = None
    """Of HDR."""
    curve: Curve | None = None
    """Where it is not sRGB's."""
    gamut: Gamut | None = None
    """Where it is not sRGB's."""
    ignores_profile: bool = False
    grey: bool = False
    """Whether the samples are grey although Pillow's mode is RGB: 16-bit grey with alpha."""

    @property
    def hdr(self) -> str | None:
        """`PQ` or `HLG`."""
        return HDR.get(self.tones.transfer) if self.tones else None


def of_png(colour: Colour) -> Signals:
    """Of a PNG's chunks."""
    return replace(_of_chunks(colour), grey=colour.grey)


def _of_chunks(colour: Colour) -> Signals:
    found = colour.chunks
    code = found.get(b"cICP", b"")
    if len(code) >= 4 and code[2:4] == b"\0\1" and code[0] in BY_PRIMARIES and code[1] in (*_CURVES, *HDR):
        return _coded(code[0], code[1], ignores_profile=True)
    gamma, places = found.get(b"gAMA", b""), found.get(b"cHRM", b"")
    value = int.from_bytes(gamma[:4], "big")
    if b"iCCP" in found or b"sRGB" in found or not value:
        return Signals()
    curve = _power(100_000 / value)
    if len(places) < 32:
        return Signals() if abs(value / _SRGB_GAMMA - 1) <= _NEAR else Signals(curve=curve)
    x0, y0, *corners = (number / 100_000 for number in struct.unpack(">8I", places[:32]))
    return Signals(curve=curve, gamut=((x0, y0), *((corners[at], corners[at + 1]) for at in (0, 2, 4))))


def of_heif(path: Path) -> Signals:
    """Of the nclx colour box of a HEIF or AVIF file; an ICC profile, where there is one, has precedence."""
    with path.open("rb") as file:
        boxes = b"".join(all_but_media(file, path.stat().st_size))
    at = boxes.find(b"colrnclx")
    if at < 0 or len(boxes) < at + 12 or b"colrprof" in boxes or b"colrrICC" in boxes:
        return Signals()
    primaries, transfer = struct.unpack_from(">HH", boxes, at + 8)
    return _coded(primaries, _SRGB if transfer in _LIKE_SRGB else transfer)


def _coded(primaries: int, transfer: int, *, ignores_profile: bool = False) -> Signals:
    """By the numbers of ITU-T H.273."""
    if transfer in HDR:
        return Signals(tones=Tones(transfer, primaries), ignores_profile=ignores_profile)
    curve = None if transfer == _SRGB else _CURVES.get(transfer)
    gamut = None if primaries == 1 else BY_PRIMARIES.get(primaries)
    return Signals(curve=curve, gamut=gamut, ignores_profile=ignores_profile)


def to_srgb(image: Image.Image, signals: Signals, deep: NDArray[np.uint16] | None = None) -> Pixels:
    """A decoded picture as (H, W, 3), or (H, W, 4) where something may shine through. `deep`: the same in 16 bits, (H,
    W, 3), which HDR is mapped from where it is there."""
    key = _deep_key(image)
    image = _eight_bits(image)
    profile = None if signals.ignores_profile else image.info.get("icc_profile")
    grey = signals.grey or image.mode in ("1", "L", "LA")
    if image.mode != "CMYK":
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    if profile:
        image = _by_profile(image, profile, grey=grey)
    pixels = np.array(image.convert("RGB") if image.mode == "CMYK" else image)
    if key is not None:
        pixels = np.dstack([pixels[..., :3], key])
    if signals.tones is not None:
        sixteen_bits = pixels[..., :3].astype(np.uint16) * 257 if deep is None else deep
        pixels[..., :3] = tone_map(sixteen_bits, signals.tones)
    elif signals.curve is not None or signals.gamut is not None:
        pixels[..., :3] = _by_light(pixels[..., :3], signals.curve or _srgb_to_light, signals.gamut)
    return pixels


def _deep_key(image: Image.Image) -> Pixels | None:
    """The alpha that a colour key makes of 16-bit grey; Pillow keeps the key and compares it with 8 bits."""
    key = image.info.get("transparency")
    if not image.mode.startswith("I") or not isinstance(key, int):
        return None
    return np.where(np.asarray(image).astype(np.int64) == key, np.uint8(0), np.uint8(255))


def _eight_bits(image: Image.Image) -> Image.Image:
    if not image.mode.startswith("I"):
        return image
    grey = Image.fromarray((np.asarray(image).astype(np.uint32) >> 8).clip(0, 255).astype(np.uint8))
    grey.info = {name: value for name, value in image.info.items() if name != "transparency"}
    return grey


def _by_profile(image: Image.Image, profile: bytes, *, grey: bool) -> Image.Image:
    """In sRGB; a broken profile, or one of another kind of picture, leaves the pixels as they are, as in browsers."""
    try:
        own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        space = own.profile.xcolor_space.strip()
        if "sRGB" in ImageCms.getProfileDescription(own) or (space == "CMYK") != (image.mode == "CMYK"):
            return image
        if space == "GRAY" and not grey:
            return image
        alpha = image.getchannel("A") if image.mode == "RGBA" else None
        if space == "GRAY":
            ramp = _turned(Image.fromarray(np.arange(256, dtype=np.uint8)[None]), own, _EXACT)
            turned = Image.fromarray(np.asarray(ramp)[0][np.asarray(image.convert("L"))])
        else:
            turned = _turned(image.convert("RGB") if alpha else image, own)
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image
    if alpha is not None:
        turned.putalpha(alpha)
    return turned


def _turned(image: Image.Image, own: ImageCms.ImageCmsProfile, flags: ImageCms.Flags = _QUICK) -> Image.Image:
    turned = ImageCms.profileToProfile(image, own, ImageCms.createProfile("sRGB"), outputMode="RGB", flags=flags)
    if turned is None:
        raise ValueError("converted in place")
    return turned


def _by_light(rgb: Pixels, curve: Curve, gamut: Gamut | None) -> Pixels:
    light = np.clip(curve(np.arange(256) / 255), 0, 1)
    matrix = None if gamut is None else to_srgb_gamut(gamut)
    if matrix is None:
        return _light_to_srgb(light)[rgb]
    return _light_to_srgb(light.astype(np.float32)[rgb] @ matrix.T.astype(np.float32))


def _light_to_srgb(light: NDArray[np.floating]) -> Pixels:
    """IEC 61966-2-1."""
    light = np.clip(light, 0, 1)
    coded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.round(255 * coded).astype(np.uint8)


def _srgb_to_light(sample: Floats) -> Floats:
    return np.where(sample <= 0.04045, sample / 12.92, ((sample + 0.055) / 1.055) ** 2.4)


def _smpte240_to_light(sample: Floats) -> Floats:
    return np.where(sample < 0.0913, sample / 4, ((sample + 0.1115) / 1.1115) ** (1 / 0.45))


def _power(gamma: float, white: float = 1.0) -> Curve:
    return lambda sample: white * sample**gamma


_CURVES: dict[int, Curve] = {
    **dict.fromkeys(_LIKE_BT709, _power(2.4)),
    4: _power(2.2),
    5: _power(2.8),
    7: _smpte240_to_light,
    8: _power(1.0),
    13: _srgb_to_light,
    17: _power(2.6, 52.37 / 48),
}
"""By TransferCharacteristics of ITU-T H.273. BT.709's is shown by the display that BT.1886 describes;
17 is SMPTE ST 428-1, cinema."""
