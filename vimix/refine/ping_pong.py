"""A clip forwards and then backwards, which loops without a jump."""

import tempfile
from collections.abc import Iterable
from fractions import Fraction

import numpy as np

from vimix.frame import Frame, Frames, Stage


def ping_pong() -> Stage:
    """All frames, then those between the last and the first in reverse.

    What was shown is kept in a temporary file, uncompressed (3.7 MB a frame at 1280x720): a clip does not fit into
    memory. Raises `OSError` where the disk is full.
    """

    def stage(frames: Iterable[Frame]) -> Frames:
        times, shape, end = list[Fraction](), (0, 0), Fraction(0)
        with tempfile.TemporaryFile(prefix="vimix-reverse-") as file:
            for frame in frames:
                shape = frame.alpha.shape
                times.append(frame.duration)
                end = frame.time + frame.duration
                file.write(np.ascontiguousarray(frame.rgb).data)
                file.write(np.ascontiguousarray(frame.alpha).data)
                yield frame
            pixels = shape[0] * shape[1]
            for number in range(len(times) - 2, 0, -1):
                file.seek(number * pixels * 4)
                planes = np.frombuffer(file.read(pixels * 4), np.uint8)
                rgb, alpha = planes[: 3 * pixels].reshape(*shape, 3), planes[3 * pixels :].reshape(shape)
                yield Frame(rgb, alpha, end, times[number])
                end += times[number]

    return stage
