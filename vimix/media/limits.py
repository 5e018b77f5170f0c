"""How much of a clip we take: asked of its header before work, and of its frames during work, because headers lie.

Every refusal says which limit it was and by how much. The defaults are those of the settings.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from vimix.errors import Refused, megabytes, tidy
from vimix.frame import ClipInfo, Frame, Frames, Stage


@dataclass(frozen=True, slots=True)
class Limits:
    """The most of each kind that one clip may have."""

    max_seconds: float = 120.0
    """Of the part that is cut out."""
    max_pixels: int = 3840 * 2160
    """In one frame. A still may be stored with three times as many, as photographs are, and is made smaller."""
    max_frames: int = 7200
    """That are cut out, after resampling. Four times as many may be decoded to choose them from."""
    max_bytes: int = 100 * 2**20
    max_total_pixels: int = 3600 * 3840 * 2160
    """Over all frames that are cut out."""
    max_streams: int = 32
    """Pictures, sounds, subtitles and the like in one file."""

    @property
    def max_decoded(self) -> int:
        """Frames that may be looked at, those left out included."""
        return 4 * self.max_frames


def check_bytes(count: int, limits: Limits) -> None:
    """Raise `Refused` for a file that is too large, or empty."""
    if count == 0:
        raise Refused("This file is empty.")
    if count > limits.max_bytes:
        raise Refused(f"This file is {megabytes(count)}; the limit is {megabytes(limits.max_bytes)}.")


def check_picture(width: int, height: int, limits: Limits, *, still: bool = False) -> None:
    """Raise `Refused` for a picture with too many pixels, or none."""
    if width < 1 or height < 1:
        raise Refused(f"This file gives its frame size as {width}x{height} pixels, which is not possible.")
    most = limits.max_pixels * (3 if still else 1)
    if width * height > most:
        raise Refused(
            f"The picture has {width}x{height} pixels ({tidy(width * height / 1e6)} million); "
            f"the limit is {tidy(most / 1e6)} million."
        )


def check_streams(count: int, limits: Limits) -> None:
    """Raise `Refused` for a file with too many tracks."""
    if count > limits.max_streams:
        raise Refused(f"This file has {count} tracks; the limit is {limits.max_streams}.")


def check_decoded(count: int, limits: Limits) -> None:
    """Raise `Refused` once more frames have been read than any clip within the limits can need."""
    if count > limits.max_decoded:
        raise Refused(
            f"That part of the clip has more than {limits.max_decoded} frames, too many to pick "
            f"{limits.max_frames} from. Choose a shorter part."
        )


def check_clip(info: ClipInfo, limits: Limits) -> None:
    """Raise `Refused` for a clip that, by what its file says, is too long. `info` is after trimming and resampling."""
    if info.seconds is not None and info.seconds > limits.max_seconds:
        raise _too_long(info.seconds, limits)
    if info.frames is not None:
        if info.frames > limits.max_frames:
            raise Refused(
                f"The clip has {info.frames} frames; the limit is {limits.max_frames}. Choose a lower "
                "frame rate or a shorter part."
            )
        if info.frames * info.width * info.height > limits.max_total_pixels:
            raise _too_much(info.frames * info.width * info.height, limits)


def guard(limits: Limits) -> Stage:
    """A stage that lets frames through and raises `Refused` when they become more than the limits allow."""

    def guarded(frames: Iterable[Frame]) -> Frames:
        pixels = 0
        for count, frame in enumerate(frames, 1):
            height, width = frame.alpha.shape
            pixels += height * width
            check_picture(width, height, limits)
            if frame.time + frame.duration > limits.max_seconds:
                raise _too_long(frame.time + frame.duration, limits)
            if count > limits.max_frames:
                raise Refused(f"The clip has more than {limits.max_frames} frames, which is the limit.")
            if pixels > limits.max_total_pixels:
                raise _too_much(pixels, limits)
            yield frame

    return guarded


def _too_long(seconds: Fraction, limits: Limits) -> Refused:
    return Refused(
        f"The clip is {tidy(seconds)} s long; the limit is {tidy(limits.max_seconds)} s. Choose a "
        "shorter part (start and end)."
    )


def _too_much(pixels: int, limits: Limits) -> Refused:
    return Refused(
        f"The clip has {tidy(pixels / 1e9)} billion pixels in all its frames; the limit "
        f"is {tidy(limits.max_total_pixels / 1e9)} billion. Choose a shorter part, a "
        "lower frame rate or a smaller size."
    )
