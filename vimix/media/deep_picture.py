"""Pictures of more than 8 bits a sample, of which Pillow's readers give 8: what tone mapping and colour keys need all
of."""

import warnings
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from vimix.errors import Unreadable
from vimix.frame import Pixels
from vimix.media.file_type import AVIF, HEIC, Kind
from vimix.media.mp4_index import check_index

try:
    import pillow_heif
except ImportError:  # an optional decoder
    pillow_heif = None  # type: ignore[assignment, unused-ignore]

Deep = NDArray[np.uint16]


def deep_rgb(path: Path, kind: Kind, size: tuple[int, int]) -> Deep | None:
    """An AVIF's or HEIC's first picture, (H, W, 3) over the whole 16 bits, as it is stored, not turned upright; None
    where no decoder gives it in that `size` (width, height), as with pictures made of tiles."""
    try:
        rgb = _avif(path) if kind is AVIF else _heic(path) if kind is HEIC else None
    except Exception as error:  # of broken files decoders raise whatever comes; 8 bits are there without this
        warnings.warn(f"no more than 8 bits of this picture can be read: {error}", stacklevel=1)
        return None
    return rgb if rgb is not None and rgb.shape == (size[1], size[0], 3) else None


def _avif(path: Path) -> Deep | None:
    check_index(path)
    with av.open(str(path.absolute()), format="mov") as file:
        for frame in file.decode(video=0):
            return np.ascontiguousarray(frame.to_ndarray(format="rgb48le"))
    return None


def _heic(path: Path) -> Deep | None:
    heif = pillow_heif.open_heif(path, convert_hdr_to_8bit=False)
    if not heif.mode.endswith(";16"):
        return None
    return np.ascontiguousarray(np.asarray(heif)[..., :3])


def alpha_of_png(path: Path) -> Pixels:
    """The alpha that a colour key makes of a 16-bit RGB PNG, by libavcodec: it compares all bits. Raises
    `Unreadable`."""
    with av.open(str(path.absolute()), format="png_pipe") as file:
        for frame in file.decode(video=0):
            return np.ascontiguousarray(frame.to_ndarray(format="rgba")[..., 3])
    raise Unreadable("This picture is damaged or cut off.", cause="libavcodec reads nothing")
