"""What a mark on one frame means: the region of a click, a box or a painted stroke."""

import base64
import io

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vimix.errors import Refused
from vimix.frame import Pixels
from vimix.points import Point

Mask = NDArray[np.bool_]
Plane = NDArray[np.float32]
MOST_PIXELS = 64 << 20
"""Of a painted picture, width times height."""
MAIN = 0.6
"""Share of the matte from which a piece is the subject itself: a click then removes a part of it, not all."""
ALIKE = 0.25
"""Overlap of colours (0-1) from which a part cannot be told from the rest of the subject by its looks."""
RADIUS = 0.03
"""Radius of a click, as a share of the longer side."""
PIECE = 0.3
"""Opacity from which pixels hang together as one piece of the matte."""


def read(paint: str) -> tuple[float, NDArray[np.int8]]:
    """Seconds, and the picture (H, W) with 1 where it is green and -1 where it is red, of an option `paint`.

    Raises `Refused` where it is no PNG or has more than `MOST_PIXELS`.
    """
    address, _, time = paint.partition("@")
    try:
        with Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2])), formats=["PNG"]) as image:
            if image.width * image.height > MOST_PIXELS:
                raise Refused("A painted picture has too many pixels.")
            pixels = np.asarray(image.convert("RGBA")).astype(np.int16)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise Refused("A painted picture is damaged or no PNG.", cause=str(error)) from error
    red, green, _, alpha = (pixels[:, :, channel] for channel in range(4))
    marked = (alpha > 64) & (np.abs(green - red) > 64)
    return float(time or 0), (np.sign(green - red) * marked).astype(np.int8)


def unwanted(picture: Pixels, alpha: Pixels, point: Point) -> tuple[Mask, bool]:
    """The part of the matte that a click on it, or a box around it, means; and whether its extent is certain.

    `picture` (h, w, 3) and `alpha` (h, w) are small.
    """
    height, width = alpha.shape
    left, right = sorted((int(point.x0 * (width - 1)), int(point.x1 * (width - 1))))
    top, bottom = sorted((int(point.y0 * (height - 1)), int(point.y1 * (height - 1))))
    if point.is_box:
        box = np.zeros(alpha.shape, bool)
        box[top : bottom + 1, left : right + 1] = True
        return box, True
    matte = alpha > PIECE * 255
    count, pieces = cv2.connectedComponents(matte.astype(np.uint8))
    radius = max(2, round(RADIUS * max(alpha.shape)))
    disc = np.zeros(alpha.shape, np.uint8)
    cv2.circle(disc, (left, top), radius, 1, -1)
    near = np.bincount(pieces[disc > 0], minlength=count)
    near[0] = 0
    label = pieces[top, left] or int(near.argmax())
    if not label or not near.any():
        return disc > 0, False  # there is nothing solid: what little there is goes
    piece = pieces == label
    if piece.sum() < MAIN * matte.sum():
        return np.asarray(cv2.dilate(piece.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0), True
    return _part(picture, piece, disc > 0)


def _part(picture: Pixels, piece: Mask, disc: Mask) -> tuple[Mask, bool]:
    """The part of a piece that looks like what was clicked (GrabCut: Rother, Kolmogorov and Blake 2004).

    The click's colours stand in for everything outside the piece, so that the background's own take no part.
    """
    clicked = disc & piece
    inside = piece & ~cv2.dilate(disc.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    if not clicked.any() or inside.sum() < 8:
        return disc, False
    rng = np.random.default_rng(0)  # results must not differ from run to run
    image = picture.copy()
    colours = picture[clicked]
    image[~piece] = colours[rng.integers(0, len(colours), int((~piece).sum()))]
    labels = np.where(piece, cv2.GC_PR_FGD, cv2.GC_BGD).astype(np.uint8)
    labels[clicked] = cv2.GC_BGD
    cv2.setRNGSeed(0)
    cv2.grabCut(image, labels, (0, 0, 1, 1), np.zeros((1, 65)), np.zeros((1, 65)), 4, cv2.GC_INIT_WITH_MASK)
    part = piece & ((labels == cv2.GC_BGD) | (labels == cv2.GC_PR_BGD))
    _, pieces = cv2.connectedComponents((part | clicked).astype(np.uint8))
    part = np.isin(pieces, np.unique(pieces[clicked])) & (part | clicked)
    if part.sum() > MAIN * piece.sum() or _alike(picture, part, piece & ~part) > ALIKE:
        return disc, False  # the subject looks the same: only the spot is sure
    return part, True


def _alike(picture: Pixels, first: Mask, second: Mask) -> float:
    """How much the colours of two regions overlap, 0-1: the intersection of their histograms, 16 levels a channel."""
    counts = [
        cv2.calcHist([picture], [0, 1, 2], each.astype(np.uint8), [16, 16, 16], [0, 256] * 3) / max(1, int(each.sum()))
        for each in (first, second)
    ]
    return float(np.minimum(*counts).sum())


def component_at(seen: Plane, point: Point) -> Plane:
    """The part of a prediction (h, w) that a person pointed at: the connected component there or close by, or what is
    in their box; where the prediction shows nothing, a disc around the place."""
    height, width = seen.shape
    left, right = sorted((int(point.x0 * (width - 1)), int(point.x1 * (width - 1))))
    top, bottom = sorted((int(point.y0 * (height - 1)), int(point.y1 * (height - 1))))
    place = np.zeros(seen.shape, np.uint8)
    place[top : bottom + 1, left : right + 1] = 1
    if not point.is_box:
        reach = max(3, round(0.04 * max(height, width)))
        place = np.asarray(
            cv2.dilate(place, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))), np.uint8
        )
        _, pieces = cv2.connectedComponents((seen > 0.4).astype(np.uint8))
        found = np.bincount(pieces[place > 0], minlength=2)
        found[0] = 0
        nearest = pieces[top, left] or (int(found.argmax()) if found.any() else 0)
        if nearest:
            return np.asarray(seen * (pieces == nearest), np.float32)
    if point.is_box and float((seen * place).sum()) > 0.2 * float(place.sum()):
        return np.asarray(seen * place, np.float32)
    return np.asarray(0.9 * place, np.float32)
