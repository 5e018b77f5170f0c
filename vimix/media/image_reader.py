"""Stills and animated pictures, read by Pillow: it composes the frames of GIF, WebP and APNG as browsers do.

libavformat of PyAV 18 has no reader for animated WebP. Of broken files Pillow's readers raise whatever comes: any
exception of theirs is the file's fault.
"""

import io
import warnings
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from fractions import Fraction
from functools import partial
from itertools import accumulate, pairwise
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms

from vimix.errors import Refused, Unreadable
from vimix.frame import Pixels
from vimix.media import frame_durations
from vimix.media.file_type import AVIF, GIF, HEIC, PNG, Kind
from vimix.media.limits import Limits, check_decoded, check_picture
from vimix.media.reader import Dated, Facts, Size

try:
    import pillow_heif
except ImportError:  # an optional decoder: without it HEIC is refused with a sentence
    pillow_heif = None  # type: ignore[assignment, unused-ignore]
else:
    pillow_heif.register_heif_opener(thumbnails=False)

warnings.filterwarnings("ignore", module="PIL")  # its remarks on odd files are no business of whoever runs us

_ORIENTATION = 0x0112
_UPRIGHT = {
    2: (Image.Transpose.FLIP_LEFT_RIGHT, 0),
    3: (Image.Transpose.ROTATE_180, 180),
    4: (Image.Transpose.FLIP_TOP_BOTTOM, 0),
    5: (Image.Transpose.TRANSPOSE, 90),
    6: (Image.Transpose.ROTATE_270, 90),
    7: (Image.Transpose.TRANSVERSE, 270),
    8: (Image.Transpose.ROTATE_90, 270),
}
"""By EXIF orientation: what makes it upright, and how many degrees clockwise that is."""
_BROKEN = "This picture is damaged or cut off."


class Picture:
    """A still or animated picture."""

    def __init__(self, path: Path, kind: Kind, limits: Limits) -> None:
        """Walk its blocks and decode its first frame. Raises `Refused`, `Unreadable`."""
        self._path, self._kind, self._limits = path, kind, limits
        if kind.pillow == "HEIF" and pillow_heif is None:
            raise Unreadable("HEIC pictures cannot be read here: save it as JPEG or PNG.")
        durations = self._walk()
        with self._opened() as image:
            check_picture(*image.size, limits, still=len(durations) < 2)
            extra = kind in (HEIC, AVIF) and getattr(image, "n_frames", 1) > 1
            self._first = int(kind is PNG and len(durations) > 1 and bool(image.info.get("default_image")))
            if kind is not GIF and len(durations) > 1:
                durations = durations[: image.n_frames - self._first]  # type: ignore[attr-defined]
            self._still = len(durations) < 2
            self._load(image, 0)
            upright = _UPRIGHT.get(_orientation(image)) if self._still else None
            pixels = self._shown(image)
        *times, end = accumulate([Fraction(1)] if self._still else durations, initial=Fraction(0))
        self.facts = Facts(
            (pixels.shape[1], pixels.shape[0]),
            tuple(times),
            end,
            Fraction(1, 100 if kind is GIF else 1000),
            codec=kind.name,
            container=kind.name,
            rotation=upright[1] if upright else 0,
            alpha=pixels.shape[2] == 4 and bool(pixels[..., 3].min() < 255),
            still=self._still,
            warnings=("Only the first picture of this file was taken.",) if extra else (),
        )

    def pictures(self, start: Fraction, size: Size, heard: list[str]) -> Generator[Dated, None, None]:
        """See `Reader`. An animation is composed from its beginning: there is no other way."""
        times = self.facts.times
        with self._opened() as image:
            for number, (time, end) in enumerate(pairwise((*times, self.facts.end))):
                try:
                    self._load(image, number)
                except Unreadable:
                    if number == 0:
                        raise
                    heard.append(f"The animation is damaged: it stands still after picture {number} of {len(times)}.")
                    return
                if end > start:
                    yield time, partial(_split, self._shown(image, self.facts.size, size))

    def _walk(self) -> list[Fraction]:
        """How long each frame is shown, as its blocks say; checked against the limits while they are read."""
        name = self._kind.name
        durations: list[Fraction] = []
        with self._path.open("rb") as file:
            size = frame_durations.canvas(file, name)
            if size is not None:
                check_picture(*size, self._limits, still=True)
                file.seek(0)
                for block in frame_durations.walk(file, name):
                    check_picture(block.right, block.bottom, self._limits, still=not durations)
                    durations.append(frame_durations.lasting(block.duration))
                    check_decoded(len(durations), self._limits)
                check_picture(*size, self._limits, still=len(durations) < 2)
        return durations

    @contextmanager
    def _opened(self) -> Iterator[Image.Image]:
        try:
            image = Image.open(self._path, formats=[self._kind.pillow])
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            raise Refused("The picture has far more pixels than are taken.", cause=str(error)) from None
        except Exception as error:
            raise Unreadable(_BROKEN, cause=str(error)) from None
        with image:
            yield image

    def _load(self, image: Image.Image, number: int) -> None:
        try:
            if not self._still:
                image.seek(self._first + number)
            image.load()
        except Exception as error:
            raise Unreadable(_BROKEN, cause=str(error)) from None

    def _shown(self, image: Image.Image, canvas: Size | None = None, size: Size | None = None) -> Pixels:
        """(H, W, 3) or, where something may shine through, (H, W, 4)."""
        try:
            shown = _upright_srgb(image) if self._still else image
            shown = shown.convert("RGBA" if shown.has_transparency_data or not self._still else "RGB")
            if canvas is not None and shown.size != canvas:  # Pillow lets it grow for frames that reach beyond
                shown = shown.crop((0, 0, *canvas))
            if size is not None and size != shown.size:
                shown = shown.resize(size, Image.Resampling.LANCZOS, reducing_gap=3)
        except Exception as error:
            raise Unreadable(_BROKEN, cause=str(error)) from None
        return np.array(shown)


def _upright_srgb(image: Image.Image) -> Image.Image:
    """Turned as its EXIF says, in 8 bits, and in sRGB where a profile says that it is something else."""
    upright = _UPRIGHT.get(_orientation(image))
    if image.mode.startswith("I"):
        image = Image.fromarray((np.asarray(image).astype(np.uint32) >> 8).clip(0, 255).astype(np.uint8))
    profile = image.info.get("icc_profile")
    if profile and image.mode in ("RGB", "RGBA", "CMYK"):
        try:
            own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if "sRGB" not in ImageCms.getProfileDescription(own):
                mode = "RGB" if image.mode == "CMYK" else image.mode
                image = ImageCms.profileToProfile(image, own, ImageCms.createProfile("sRGB"), outputMode=mode) or image
        except (ImageCms.PyCMSError, OSError):  # a broken profile: browsers show the pixels as they are, so do we
            pass
    return image.transpose(upright[0]) if upright else image


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # broken EXIF: the picture itself is as good as before
        return 1


def _split(pixels: Pixels) -> tuple[Pixels, Pixels | None]:
    if pixels.shape[2] == 3:
        return pixels, None
    return np.ascontiguousarray(pixels[..., :3]), np.ascontiguousarray(pixels[..., 3])
