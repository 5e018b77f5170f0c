"""Decoded frames become sRGB pixels: matrix and range honoured, wide gamut narrowed, HDR tone-mapped.

The usual clip takes one pass of libswscale. HDR and wide-gamut clips go through exact tables: light is made linear,
highlights are rolled off, the gamut is turned into BT.709's, and the result is encoded as sRGB. Why tables of our own:
PyAV's build has no zscale, and libswscale's own tone mapping spends a second on its table for every open and
renders what has no mastering metadata either clipped or too dark.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import av
import cv2
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from numpy.typing import NDArray

from vimix.frame import Pixels

Floats = NDArray[np.float32]

_PQ, _HLG = 16, 18
HDR = {_PQ: "PQ", _HLG: "HLG"}
"""By AVColorTransferCharacteristic."""
_BT2020, _P3_DCI, _P3 = 9, 11, 12
_TO_709 = {
    _BT2020: ((1.6605, -0.5876, -0.0728), (-0.1246, 1.1329, -0.0083), (-0.0182, -0.1006, 1.1187)),
    _P3: ((1.2249, -0.2247, 0.0), (-0.0420, 1.0419, 0.0), (-0.0197, -0.0786, 1.0979)),
}
"""By AVColorPrimaries: linear light to linear light, both with a D65 white (ITU-R BT.2087, SMPTE EG 432-1)."""
_MATRICES = {1: Colorspace.ITU709, 5: Colorspace.ITU601, 6: Colorspace.ITU601, 7: Colorspace.SMPTE240M, 9: 9, 10: 9}
"""By AVColorSpace; what is missing or nonsense is guessed by size."""

_WHITE = 203.0
"""Nits of paper white in HDR (ITU-R BT.2408)."""
_PEAK = 1000.0
"""Nits that become sRGB white: what nearly all clips are graded for; what is brighter clips."""


@dataclass(frozen=True, slots=True)
class Tones:
    """What the colours of a clip mean."""

    transfer: int
    primaries: int

    @classmethod
    def of(cls, frame: av.VideoFrame) -> "Tones":
        """As tagged on the frame."""
        return cls(int(frame.color_trc), int(frame.color_primaries))

    @property
    def plain(self) -> bool:
        """Whether the pixels can be shown as sRGB without more ado, as every player does with BT.709 and BT.601."""
        return self.transfer not in HDR and self.primaries not in _TO_709


def to_srgb(
    frame: av.VideoFrame, width: int, height: int, scaler: VideoReformatter, *, alpha: bool
) -> tuple[Pixels, Pixels | None]:
    """The frame at that size: rgb (H, W, 3) and, if asked for, its alpha (H, W).

    Raises what PyAV raises for formats libswscale cannot read.
    """
    tones = Tones.of(frame)
    if alpha:
        rgba = _scaled(frame, width, height, "rgba", scaler)
        clear = np.ascontiguousarray(rgba[..., 3])
        if tones.plain:
            return np.ascontiguousarray(rgba[..., :3]), clear
        return tone_map(_scaled(frame, width, height, "rgb48le", scaler), tones), clear
    if tones.plain:
        return _scaled(frame, width, height, "rgb24", scaler), None
    return tone_map(_scaled(frame, width, height, "rgb48le", scaler), tones), None


_LAYOUTS: dict[str, tuple[type[np.generic], int]] = {
    "rgb24": (np.uint8, 3),
    "rgba": (np.uint8, 4),
    "rgb48le": (np.uint16, 3),
}


def _scaled(frame: av.VideoFrame, width: int, height: int, pixels: str, scaler: VideoReformatter) -> NDArray[Any]:
    """(H, W, channels) in full range, by the frame's own matrix or, untagged, the one its size makes likely."""
    guess = Colorspace.ITU709 if frame.width >= 1280 or frame.height >= 720 else Colorspace.ITU601
    made = scaler.reformat(
        frame,
        width=width,
        height=height,
        format=pixels,
        interpolation=Interpolation.AREA if width * height < frame.width * frame.height else Interpolation.BICUBIC,
        src_colorspace=None if frame.format.is_rgb else _MATRICES.get(int(frame.colorspace), guess),
        dst_color_range=ColorRange.JPEG,
        threads=1,
    )
    depth, channels = _LAYOUTS[pixels]
    plane = made.planes[0]
    rows = np.frombuffer(memoryview(plane), np.uint8).view(depth).reshape(-1, plane.line_size // depth().itemsize)
    return np.ascontiguousarray(rows[:height, : width * channels]).reshape(height, width, channels)


def tone_map(rgb: NDArray[Any], tones: Tones) -> Pixels:
    """Pixels (H, W, 3) coded in `tones` over the whole 16 bits, as 8-bit sRGB."""
    light: NDArray[Any] = np.take(_linear(tones.transfer), rgb)
    matrix = _TO_709.get(tones.primaries)
    if matrix is not None:
        light = cv2.transform(light, np.array(matrix, np.float32))
    steps = np.clip(light * np.float32(_STEPS), 0, _STEPS).astype(np.uint16)
    coded: Pixels = np.take(_srgb(), steps)
    return coded


_STEPS = 16383
"""Steps of linear light in the table below: 14 bits, since sRGB is steep in the dark; a table of 16 KB stays in the
processor's first cache."""


@cache
def _srgb() -> Pixels:
    """Linear light, in steps, as 8-bit sRGB (IEC 61966-2-1)."""
    light = np.arange(_STEPS + 1) / _STEPS
    coded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.round(255 * coded).astype(np.uint8)


@cache
def _linear(transfer: int) -> Floats:
    """For every 16-bit code value the light that an SDR screen should show, 1 at its white."""
    signal = np.arange(65536) / 65535
    if transfer == _PQ:
        light = _from_pq(_rolled_off(signal)) / _WHITE
    elif transfer == _HLG:
        a, b, c = 0.17883277, 0.28466892, 0.55991073  # ITU-R BT.2100
        scene = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)
        light = _from_pq(_rolled_off(_to_pq(_PEAK * scene**1.2))) / _WHITE
    else:
        light = np.where(signal <= 0.04045, signal / 12.92, ((signal + 0.055) / 1.055) ** 2.4)
    return light.astype(np.float32)


def _rolled_off(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """PQ of up to `_PEAK` nits to PQ of up to `_WHITE` nits: dark and middle tones unchanged, highlights eased in by
    the Hermite spline of ITU-R BT.2390 section 5.4."""
    peak, white = _to_pq(np.float64(_PEAK)), _to_pq(np.float64(_WHITE))
    level = np.minimum(signal / peak, 1)
    most = white / peak
    knee = 1.5 * most - 0.5
    t = np.clip((level - knee) / (1 - knee), 0, 1)
    eased = (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (3 * t**2 - 2 * t**3) * most
    return peak * np.where(level < knee, level, eased)


_M1, _M2, _C1, _C2, _C3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128  # SMPTE ST 2084


def _to_pq(nits: NDArray[np.float64] | np.float64) -> NDArray[np.float64]:
    level = (np.asarray(nits) / 10000) ** _M1
    return ((_C1 + _C2 * level) / (1 + _C3 * level)) ** _M2


def _from_pq(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    level = signal ** (1 / _M2)
    return 10000 * (np.maximum(level - _C1, 0) / (_C2 - _C3 * level)) ** (1 / _M1)
