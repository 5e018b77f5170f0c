"""Keying: a subject before a one-coloured screen, of any saturated colour.

Colours are split into brightness and two colour differences (of BT.601). Turned so that the screen's hue is the first
axis, the share of screen in a pixel is how far it reaches along that axis beyond a cone around it, which holds what is
the screen's hue alone; taking that share of the screen's colour out of the pixel leaves the subject's
(van den Bergh and Lalioti, "Software chroma keying in an immersive virtual environment", 1999). The screen's colour is
taken from where the screen is, frame by frame and place by place, so uneven light costs nothing.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from vimix.frame import Frame, Pixels
from vimix.matting.halved_colour import halved, halved_colour, sharpened

Floats = NDArray[np.float32]
DIFFERENCES = np.array([[-0.169, -0.331, 0.5], [0.5, -0.419, -0.081]], np.float32)
"""From RGB to Cb and Cr, around 0."""
BORDER = 0.04
"""Of the shorter side: the frame in which the screen must show, at the top and both sides."""
VIVID = 40.0
"""Distance from grey, of 255, that a screen's colour has at least; the least of our two screens has 96."""
ALIKE = 0.25
"""How far from the screen's colour difference, as a share of it, a pixel may lie and still be screen."""
SHARE = 0.75
"""Of the border that is screen; our two screens have 0.83 and more, no other clip above 0.46."""
LEVEL = 40
"""By how much alpha, of 255, may differ among neighbours within a shadow; more would darken soft edges."""
DARK = 50
"""Of 255: what is left in a shadow when the screen is taken out of it is not brighter; it is 0 but for noise."""
PLATE = 8
"""The screen's colour is mapped at an eighth of the picture's size."""


NARROW = math.tan(math.radians(30))


@dataclass(frozen=True)
class Key:
    """A screen's colour, and how to tell it from a subject."""

    colour: tuple[float, float, float]
    """RGB, 0-255: the middle of the screen's pixels in the border."""
    cone: float
    """Tangent of half the angle, in the plane of hues, within which a colour counts as mixed with the screen's."""
    clear: float
    """Up to this opacity a pixel is screen: its noise and its shadows."""
    solid: float = 0.9
    """From this opacity on a pixel is subject: grain, and hues a little towards the screen's."""

    def __str__(self) -> str:
        return "#" + "".join(f"{round(part):02x}" for part in self.colour)

    def alpha(self, rgb: Pixels) -> Pixels:
        """(H, W, 3) to (H, W): soft where pixels are mixed."""
        opacity = 1 - self._sharp(rgb, self._plate(rgb))
        ramp = np.clip((opacity - self.clear) * (255 / (self.solid - self.clear)), 0, 255)
        alpha: Pixels = (ramp + 0.5).astype(np.uint8)
        return alpha

    def unmix(self, rgb: Pixels, alpha: Pixels) -> Pixels:
        """The subject's own colour: the screen's share taken out, at edges and of what it cast onto the subject.

        Video keeps colour at half the sharpness of brightness, so at an edge the share is not to be trusted: there the
        colour just inside is taken instead, as far as the pixel is clear.
        """
        plate = self._plate(rgb)
        share = self._solved(rgb, plate)
        sure = cv2.erode(alpha, np.ones((3, 3), np.uint8))
        result = rgb.copy()
        near = _near(rgb, ((sure > 250) & (share < 0.05)).astype(np.float32))
        mixed = np.nonzero((alpha > 0) & ((sure < 255) | (share > 0)))
        part = share[mixed][:, None]
        left = np.maximum(1 - part, np.maximum(alpha[mixed][:, None] / np.float32(255), 0.05))
        own = np.clip((rgb[mixed] - part * _at(plate, mixed, PLATE)) / left, 0, 255)
        trust = np.clip(sure[mixed][:, None] * np.float32(2 / 255) - 1, 0, 1)
        trust = np.where(_at(near[1], mixed, 2)[:, None] > 1e-3, trust, 1)
        level = (cv2.dilate(alpha, np.ones((3, 3), np.uint8)) - sure)[mixed][:, None] < LEVEL
        trust = np.where(level & (own.max(axis=1, keepdims=True) < DARK), 1, trust)  # a shadow is black
        result[mixed] = own * trust + _at(near[0], mixed, 2) * (1 - trust) + 0.5
        return result

    def _plate(self, rgb: Pixels) -> Floats:
        """The screen's colour as seen around each place, small; the key's own where no screen is near."""
        height, width = rgb.shape[:2]
        size = (-(-width // PLATE), -(-height // PLATE))
        small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA).astype(np.float32)
        key = np.array(self.colour, np.float32)
        hue = _hues(key)
        away = np.linalg.norm(_hues(small) - hue, axis=2)
        is_screen = (away < 1.5 * ALIKE * np.linalg.norm(hue)).astype(np.float32)
        is_screen = cv2.erode(is_screen, np.ones((3, 3), np.uint8))
        reach = max(small.shape[:2]) / 12
        weight = cv2.GaussianBlur(is_screen, (0, 0), reach)[:, :, None] + np.float32(1e-3)
        seen = cv2.GaussianBlur(small * is_screen[:, :, None], (0, 0), reach) + np.float32(1e-3) * key
        plate: Floats = seen / weight
        return plate

    def _share(self, rgb: Pixels, plate: Floats) -> Floats:
        """How much of each pixel is screen, 0-1; too little at edges where the subject's hue is across from it."""
        height, width = rgb.shape[:2]
        screen = _hues(plate)
        axis = screen / np.maximum((screen * screen).sum(axis=2, keepdims=True), 1)
        axis_b, axis_r = cv2.split(cv2.resize(axis, (width, height), interpolation=cv2.INTER_LINEAR))
        hue_b, hue_r = cv2.split(cv2.transform(rgb.astype(np.float32), DIFFERENCES))
        across = cv2.absdiff(hue_b * axis_r, hue_r * axis_b)
        share: Floats = np.clip(hue_b * axis_b + hue_r * axis_r - across / np.float32(self.cone), 0, 1)
        return share

    def _sharp(self, rgb: Pixels, plate: Floats) -> Floats:
        """The share of screen; where colour has half the resolution, found at that and sharpened by brightness."""
        if not halved_colour(rgb):
            return self._solved(rgb, plate)
        return sharpened(self._solved(halved(rgb), plate, PLATE // 2), rgb)

    def _solved(self, rgb: Pixels, plate: Floats, scale: int = PLATE) -> Floats:
        """The share of screen, at edges solved between the screen's hue and that of the subject just inside."""
        share = self._share(rgb, plate)
        reach = max(rgb.shape[:2]) // 60 * 2 + 1
        screen = cv2.dilate((share > 0.9).astype(np.uint8), np.ones((reach, reach), np.uint8))
        mixed_here = ((share > 0.05) & (share < 0.95)).astype(np.uint8)
        edge = cv2.dilate(mixed_here, np.ones((5, 5), np.uint8)) * screen  # and no hue within the subject
        near, known = _near(rgb, ((share < 0.05) & (edge == 0)).astype(np.float32))
        mixed = np.nonzero(edge)
        first, subject = share[mixed], _hues(_at(near, mixed, 2))
        way = _hues(_at(plate, mixed, scale)) - subject
        along = ((_hues(rgb[mixed]) - subject) * way).sum(axis=1) / np.maximum((way * way).sum(axis=1), 1)
        trust = np.minimum(_at(known, mixed, 2) * 50, 1) * cv2.blur(edge.astype(np.float32), (3, 3))[mixed]
        share[mixed] = first + trust * (np.clip(along, first, 1) - first)
        return share


def _near(rgb: Pixels, inside: Floats) -> tuple[Floats, Floats]:
    """Half as large: the mean colour of what lies inside, around each place, and how much of that there is."""
    height, width = inside.shape
    half = (-(-width // 2), -(-height // 2))
    weight = cv2.resize(inside, half, interpolation=cv2.INTER_AREA)
    seen = cv2.resize(rgb, half, interpolation=cv2.INTER_AREA) * weight[:, :, None]
    sigma = max(2.0, max(half) / 150)
    total: Floats = np.asarray(cv2.GaussianBlur(weight, (0, 0), sigma), np.float32)
    mean = cv2.GaussianBlur(seen, (0, 0), sigma) / np.maximum(total, np.float32(1e-9))[:, :, None]
    return mean.astype(np.float32), total


def _at(small: Floats, places: tuple[NDArray[np.intp], ...], times: int) -> Floats:
    """What a picture `times` smaller holds at places of the large one."""
    down, across = places
    found: Floats = small[down // times, across // times]
    return found


def find_key(frames: Sequence[Frame]) -> Key | None:
    """The key of a clip that begins with these frames, or None where their borders are not one saturated colour."""
    borders = [_border(frame.rgb) for frame in frames]
    if not borders or any(frame.alpha.min() < 255 for frame in frames):
        return None
    colour = np.median(np.concatenate(borders), axis=0)
    hue = _hues(colour)
    vivid = float(np.linalg.norm(hue))
    if vivid < VIVID:
        return None
    alike = [np.linalg.norm(_hues(border) - hue, axis=-1) < ALIKE * vivid for border in borders]
    if min(float(part.mean()) for part in alike) < SHARE:
        return None
    key = _inside(Key((float(colour[0]), float(colour[1]), float(colour[2])), NARROW, 0.05), frames[0].rgb)
    rest = [_border(255 - key.alpha(frame.rgb))[same] for frame, same in zip(frames, alike, strict=True)]
    noise = 1 - float(np.percentile(np.concatenate(rest), 0.5)) / 255
    return replace(key, clear=min(max(noise * (key.solid - key.clear) + key.clear + 0.02, 0.08), 0.4))


def _hues(rgb: NDArray[np.generic]) -> Floats:
    hues: Floats = rgb.astype(np.float32) @ DIFFERENCES.T
    return hues


def _border(picture: NDArray[np.generic]) -> Floats:
    """The pixels at the top and down both sides, as floats; subjects stand on the lower edge."""
    wide = max(2, round(min(picture.shape[:2]) * BORDER))
    parts = (picture[:wide], picture[wide:, :wide], picture[wide:, -wide:])
    rest = picture.shape[2:]
    return np.concatenate([part.reshape(-1, *rest) for part in parts]).astype(np.float32)


def _inside(key: Key, rgb: Pixels) -> Key:
    """The widest cone that leaves the inside of the subject opaque, and from where on that is.

    A wide cone takes more of the screen out of edges; a subject whose hues are near the screen's needs a narrow one.
    """
    inside = cv2.erode((key.alpha(rgb) > 230).astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    if not inside.any():
        return key
    for degrees in (60, 50, 40, 30):
        wider = replace(key, cone=math.tan(math.radians(degrees)))
        least = 1 - float(np.percentile(wider._share(rgb, wider._plate(rgb))[inside], 99.5))
        if least > 0.85:
            break
    return replace(wider, solid=min(max(least, 0.7), 0.9))
