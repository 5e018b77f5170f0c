"""How a stored picture becomes the shown one: quarter turns, mirrors, pixels that are not square."""

import math
import struct
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, cast

import av
import cv2
from av.buffer import Buffer
from numpy.typing import NDArray

from vimix.frame import Pixels
from vimix.media.reader import Size


@dataclass(frozen=True, slots=True)
class Turn:
    """How the stored picture becomes the shown one: transposed first, then mirrored."""

    transposed: bool = False
    flip_x: bool = False
    flip_y: bool = False

    @property
    def degrees(self) -> int:
        """Clockwise; mirroring apart."""
        if self.transposed:
            return 90 if self.flip_x else 270
        return 180 if self.flip_x and self.flip_y else 0

    def apply(self, pixels: Pixels) -> Pixels:
        """A turned copy, or the same array if there is nothing to do."""
        turned: NDArray[Any] = cv2.transpose(pixels) if self.transposed else pixels
        if self.flip_x or self.flip_y:
            turned = cv2.flip(turned, -1 if self.flip_x and self.flip_y else int(self.flip_x))
        return turned

    def size(self, size: Size) -> Size:
        """What becomes of a width and a height, either way."""
        return (size[1], size[0]) if self.transposed else size


def aspect(said: Fraction | None, warnings: list[str]) -> Fraction:
    """The width of a stored pixel over its height."""
    if not said or said <= 0:
        return Fraction(1)
    if not Fraction(1, 5) <= said <= 5:
        warnings.append(
            f"The file gives its pixels a shape of {said.numerator}:{said.denominator}; they are treated as square."
        )
        return Fraction(1)
    return said


def turn(frame: av.VideoFrame, warnings: list[str]) -> Turn:
    """From the display matrix: x' = a x + c y, y' = b x + d y; the nearest quarter turn where it is none."""
    try:
        found = cast(Buffer | None, frame.side_data.get("DISPLAYMATRIX"))
    except ValueError:  # PyAV 18 stumbles over kinds of side data younger than itself, such as EXIF
        turns = round(frame.rotation / 90) % 4
        return Turn(turns % 2 == 1, turns in (2, 3), turns in (1, 2))
    data = b"" if found is None else bytes(memoryview(found))
    if len(data) < 36:
        return Turn()
    a, b, _, c, d, *_ = struct.unpack("<9i", data[:36])
    if min(abs(a), abs(b)) * 50 > max(abs(a), abs(b)):
        degrees = round(math.degrees(math.atan2(b, a))) % 360
        warnings.append(f"The file asks to be rotated by {degrees} degrees; only multiples of 90 are supported.")
    if abs(a) >= abs(b):
        return Turn(False, a < 0, d < 0)
    return Turn(True, c < 0, b < 0)
