"""Primaries and whites, and the matrices between them."""

import numpy as np
from numpy.typing import NDArray

Gamut = tuple[tuple[float, float], ...]
"""The chromaticities (x, y) of white, red, green and blue."""

_D65, _C = (0.3127, 0.3290), (0.310, 0.316)
SRGB: Gamut = (_D65, (0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
_NTSC: Gamut = (_D65, (0.630, 0.340), (0.310, 0.595), (0.155, 0.070))
BY_PRIMARIES: dict[int, Gamut] = {
    1: SRGB,
    4: (_C, (0.67, 0.33), (0.21, 0.71), (0.14, 0.08)),
    5: (_D65, (0.64, 0.33), (0.29, 0.60), (0.15, 0.06)),
    6: _NTSC,
    7: _NTSC,
    8: (_C, (0.681, 0.319), (0.243, 0.692), (0.145, 0.049)),
    9: (_D65, (0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    10: ((1 / 3, 1 / 3), (1.0, 0.0), (0.0, 1.0), (0.0, 0.0)),
    11: ((0.314, 0.351), (0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
    12: (_D65, (0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
    22: (_D65, (0.630, 0.340), (0.295, 0.605), (0.155, 0.077)),
}
"""By ColourPrimaries of ITU-T H.273."""
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
"""The cone responses that Bradford's adaptation of whites works on, as ICC profiles have it."""


def to_srgb_gamut(gamut: Gamut) -> NDArray[np.float64] | None:
    """The matrix (3, 3) from linear light in `gamut` to sRGB's, whites adapted; None where the numbers are nonsense."""
    try:
        with np.errstate(all="raise"):
            ours, theirs = _cones(SRGB), _cones(gamut)
            adapt = np.linalg.inv(_BRADFORD) @ np.diag(ours / theirs) @ _BRADFORD
            matrix: NDArray[np.float64] = np.linalg.solve(_to_xyz(SRGB), adapt @ _to_xyz(gamut))
    except (np.linalg.LinAlgError, FloatingPointError):
        return None
    return matrix


def _cones(gamut: Gamut) -> NDArray[np.float64]:
    cones: NDArray[np.float64] = _BRADFORD @ _white(gamut)
    return cones


def _white(gamut: Gamut) -> NDArray[np.float64]:
    x, y = gamut[0]
    return np.array([x, y, 1 - x - y]) / np.float64(y)


def _to_xyz(gamut: Gamut) -> NDArray[np.float64]:
    corners = np.array([(x, y, 1 - x - y) for x, y in gamut[1:]]).T
    matrix: NDArray[np.float64] = corners * np.linalg.solve(corners, _white(gamut))
    return matrix
