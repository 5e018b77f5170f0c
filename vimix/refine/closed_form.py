"""Alpha solved again in closed form around the edge (Levin, Lischinski, Weiss 2008), for stills and short clips.

It is what rembg calls alpha matting: what a network is sure of is held, the rest follows from the colours around it.
The parts are PyMatting's; its import compiles for seconds where its cache cannot be written: only who asks pays.
"""

import importlib
import importlib.util
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import cv2
import numpy as np

from vimix.concurrency.threads import in_order
from vimix.errors import Failed
from vimix.frame import Frame, Frames, Pixels, Stage
from vimix.private_folder import private_folder

COST = "Detailed edges are slow: about a second a frame on one core at 1280x720."
"""For the result's warnings."""

_SURE = (10, 240)
"""Alpha up to which a pixel is background and from which it is subject: rembg's thresholds."""
_BAND = 1 / 300
"""How far from the edge what the network says is doubted, of the longer side. On alphamatting.com's stills it leaves an
error of 0.022 (the network's own 0.027), where rembg's ten pixels leave 0.023 and eat whatever is thinner."""
_TRUST = 1e-4
"""How much the network's own alpha weighs in the band: so little that it decides only where colours cannot, as in thin
parts that no sure subject touches."""
_MOST = 1_500_000
"""Pixels solved at once; a larger picture is solved smaller, which keeps memory below a gigabyte."""


def closed_form(workers: int) -> Stage:
    """Solve alpha again where the matte is unsure and in a band around its edge. Raises `Failed` without a solution."""

    def one(frame: Frame) -> Frame:
        return replace(frame, alpha=solved(frame.rgb, frame.alpha))

    def stage(frames: Iterable[Frame]) -> Frames:
        return in_order(one, frames, workers=workers)

    return stage


def solved(rgb: Pixels, alpha: Pixels) -> Pixels:
    """The better alpha; the same where there is no subject, or no background, to learn from."""
    height, width = alpha.shape
    scale = min(1.0, (_MOST / alpha.size) ** 0.5)
    if scale < 1:
        size = (int(width * scale), int(height * scale))
        small = (
            np.asarray(cv2.resize(np.ascontiguousarray(each), size, interpolation=cv2.INTER_AREA), np.uint8)
            for each in (rgb, alpha)
        )
        return np.asarray(cv2.resize(solved(*small), (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)
    known = _known(alpha)
    x, y, across, down = cv2.boundingRect((known == 128).view(np.uint8))
    rows, columns = slice(max(0, y - 2), y + down + 2), slice(max(0, x - 2), x + across + 2)
    part = known[rows, columns]
    if not across or part.max() < 255 or part.min() > 0:
        return alpha
    result = alpha.copy()
    result[rows, columns] = _solve(rgb[rows, columns], part, alpha[rows, columns])
    return result


def _known(alpha: Pixels) -> Pixels:
    """0 for background, 255 for subject, 128 for what is to be solved."""
    reach = max(1, round(max(alpha.shape) * _BAND))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    background, subject = ((alpha <= _SURE[0]).view(np.uint8), (alpha >= _SURE[1]).view(np.uint8))
    known = np.full(alpha.shape, 128, np.uint8)
    known[cv2.erode(background, disc) > 0] = 0
    known[cv2.erode(subject, disc) > 0] = 255
    return known


def _solve(rgb: Pixels, known: Pixels, alpha: Pixels) -> Pixels:
    _let_numba_cache()
    from pymatting import cf_laplacian, cg, ichol

    unknown = (known == 128).ravel()
    sure = ~unknown
    laplacian = cf_laplacian(rgb / 255, is_known=sure)
    free = laplacian[unknown, :]
    share = alpha.ravel() / 255
    matrix = free[:, unknown].tocsc()
    matrix.setdiag(matrix.diagonal() + _TRUST)
    asked = _TRUST * share[unknown] - free[:, sure] @ (known.ravel()[sure] / 255)
    # from a small shift on: without one it may fail first, and prints that on stdout, where our JSON goes
    split = ichol(matrix, shifts=[1e-3, 1e-2, 0.1, 1.0], max_nnz=100 * matrix.shape[0])
    try:
        share[unknown] = cg(matrix, asked, M=split, rtol=1e-5, maxiter=2000)
    except ValueError as error:
        raise Failed("Detailed edges could not be computed for this clip.", cause=str(error)) from error
    share[sure] = known.ravel()[sure] / 255
    return np.asarray(share.clip(0, 1).reshape(alpha.shape) * 255 + 0.5, np.uint8)


def _let_numba_cache() -> None:
    """Give numba a folder for what it compiles where neither PyMatting's own nor the person's can be written.

    NUMBA_CACHE_DIR has precedence. A temporary folder is this user's alone, since code is loaded from it. Raises
    `Failed` where there is none.
    """
    caching = importlib.import_module("numba.core.caching")
    config: Any = importlib.import_module("numba.core.config")
    place = importlib.util.find_spec("pymatting")
    if config.CACHE_DIR or place is None or place.origin is None:
        return
    if any(_can_cache(locator, place.origin) for locator in caching.CacheImpl._locator_classes):
        return
    try:
        config.CACHE_DIR = str(private_folder("numba"))
    except OSError as error:
        raise Failed(
            "Closed-form matting needs a folder that can be written: name one in NUMBA_CACHE_DIR or TMPDIR.",
            cause=str(error),
        ) from error


def _can_cache(locator: Any, source: str) -> bool:
    try:
        return locator.from_function(_can_cache, source) is not None
    except Exception:  # without a home some of them raise
        return False
