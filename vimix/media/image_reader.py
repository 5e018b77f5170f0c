"""Stills and animated pictures. Pillow decodes; the frames of GIF and APNG are composed as browsers do (`compositor`).

libavformat of PyAV 18 has no reader for animated WebP. Of broken files Pillow's readers raise whatever comes: any
exception of theirs is the file's fault.
"""

import io
import warnings
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from fractions import Fraction
from functools import partial
from itertools import accumulate, pairwise
from pathlib import Path

import numpy as np
from PIL import Image

from vimix.errors import Refused, Unreadable
from vimix.frame import Pixels
from vimix.media import frame_durations, gif, png
from vimix.media.deep_picture import alpha_of_png, deep_rgb
from vimix.media.file_type import AVIF, GIF, HEIC, PNG, WEBP, Kind
from vimix.media.limits import Limits, check_decoded, check_picture
from vimix.media.picture_colour import Signals, of_heif, of_png, to_srgb
from vimix.media.reader import Dated, Facts, Size

try:
    import pillow_heif
except ImportError:  # an optional decoder: without it HEIC is refused with a sentence
    pillow_heif = None  # type: ignore[assignment, unused-ignore]
else:
    pillow_heif.register_heif_opener(thumbnails=False)

warnings.filterwarnings("ignore", module="PIL")  # its remarks on odd files are no business of whoever runs us

_ORIENTATION = 0x0112
"""The Exif tag."""
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
            raise Unreadable("We can't read HEIC pictures here. Save it as JPG or PNG.")
        durations = self._walk()
        self._composed = kind is GIF or (kind is PNG and bool(durations))
        self._still = len(durations) < 2
        with self._opened() as image:
            check_picture(*image.size, limits, still=self._still)
            extra = kind in (HEIC, AVIF) and getattr(image, "n_frames", 1) > 1
            self._signals = self._colour()
            self._size = image.size if kind is not GIF else self._canvas
            if kind is WEBP and not self._still:
                durations = durations[: getattr(image, "n_frames", 1)]
            plays = int(image.info.get("loop", 0)) if kind is WEBP else self._plays()
            upright = _UPRIGHT.get(_orientation(image)) if self._still and not self._composed else None
        with closing(self._canvases()) as canvases:
            pixels = next(canvases, None)
        if pixels is None:
            raise Unreadable(_BROKEN, cause="no picture in it")
        *times, end = accumulate([Fraction(1)] if self._still else durations, initial=Fraction(0))
        self.facts = Facts(
            (pixels.shape[1], pixels.shape[0]),
            tuple(times),
            end,
            Fraction(1, 100 if kind is GIF else 1000),
            codec=kind.name,
            container=kind.name,
            rotation=upright[1] if upright else 0,
            hdr=self._signals.hdr,
            alpha=pixels.shape[2] == 4 and bool(pixels[..., 3].min() < 255),
            still=self._still,
            plays=0 if self._still else plays,
            warnings=("Only the first picture in this file was used.",) if extra else (),
        )

    def pictures(self, start: Fraction, size: Size, notes: list[str]) -> Generator[Dated, None, None]:
        """See `Reader`. An animation is composed from its beginning: there is no other way."""
        times = self.facts.times
        with closing(self._canvases()) as canvases:
            for number, (time, end) in enumerate(pairwise((*times, self.facts.end))):
                try:
                    pixels = next(canvases, None)
                except Unreadable:
                    if number == 0:
                        raise
                    pixels = None
                if pixels is None:
                    notes.append(f"The animation is damaged: it stops at frame {number} of {len(times)}.")
                    return
                if end > start:
                    yield time, partial(_split, _resized(pixels, size))

    def _canvases(self) -> Generator[Pixels, None, None]:
        """Each picture as it is shown: (H, W, 3) or, where something may shine through, (H, W, 4). `Unreadable`."""
        try:
            if self._composed:
                with self._path.open("rb") as file:
                    if self._kind is GIF:
                        yield from gif.frames(file, *self._size)
                    else:
                        yield from png.frames(file, *self._size, lambda image: to_srgb(image, self._signals))
                return
            with self._opened() as image:
                for number in range(1 if self._still else getattr(image, "n_frames", 1)):
                    if not self._still:
                        image.seek(number)
                    image.load()
                    yield self._shown(image)
        except (Unreadable, GeneratorExit):
            raise
        except Exception as error:
            raise Unreadable(_BROKEN, cause=str(error)) from None

    def _shown(self, image: Image.Image) -> Pixels:
        upright = _UPRIGHT.get(_orientation(image)) if self._still else None
        deep = deep_rgb(self._path, self._kind, image.size) if self._signals.tones is not None else None
        pixels = to_srgb(image, self._signals, deep)
        if self._kind is PNG and self._deep_rgb_key:
            pixels = np.dstack([pixels[..., :3], alpha_of_png(self._path)])
        return np.array(Image.fromarray(pixels).transpose(upright[0])) if upright else pixels

    def _colour(self) -> Signals:
        self._deep_rgb_key = False
        if self._kind is PNG:
            with self._path.open("rb") as file:
                colour = png.colour(file)
            self._deep_rgb_key = colour.bit_depth == 16 and len(colour.chunks.get(b"tRNS", b"")) == 6
            return of_png(colour)
        return of_heif(self._path) if self._kind in (HEIC, AVIF) else Signals()

    def _plays(self) -> int:
        with self._path.open("rb") as file:
            if self._kind is GIF:
                return gif.plays(file)
            return png.plays(file) if self._kind is PNG else 0

    def _walk(self) -> list[Fraction]:
        """How long each frame is shown, as its blocks say; checked against the limits while they are read."""
        name = self._kind.name
        durations: list[Fraction] = []
        with self._path.open("rb") as file:
            size = frame_durations.canvas(file, name)
            self._canvas = size or (0, 0)
            if size is not None:
                check_picture(*size, self._limits, still=True)
                file.seek(0)
                for block in frame_durations.walk(file, name):
                    if not durations and self._kind is GIF:  # browsers let the canvas grow for the first picture
                        self._canvas = max(size[0], block.right), max(size[1], block.bottom)
                    check_picture(block.right, block.bottom, self._limits, still=not durations)
                    durations.append(frame_durations.lasting(block.duration))
                    check_decoded(len(durations), self._limits)
                check_picture(*size, self._limits, still=len(durations) < 2)
        return durations

    def _for_pillow(self) -> Path | io.BytesIO:
        """Its reader of AVIF goes by the first brand alone; what the file is was decided by all of them."""
        if self._kind is not AVIF:
            return self._path
        data = self._path.read_bytes()
        return io.BytesIO(data[:8] + b"avif" + data[12:]) if data[8:12] not in (b"avif", b"avis") else self._path

    @contextmanager
    def _opened(self) -> Iterator[Image.Image]:
        try:
            image = Image.open(self._for_pillow(), formats=[self._kind.pillow])
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            raise Refused("The picture has far too many pixels.", cause=str(error)) from None
        except Exception as error:
            raise Unreadable(_BROKEN, cause=str(error)) from None
        with image:
            yield image


def _resized(pixels: Pixels, size: Size) -> Pixels:
    if size == (pixels.shape[1], pixels.shape[0]):
        return pixels
    return np.array(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS, reducing_gap=3))


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # broken EXIF: the picture itself is as good as before
        return 1


def _split(pixels: Pixels) -> tuple[Pixels, Pixels | None]:
    if pixels.shape[2] == 3:
        return pixels, None
    return np.ascontiguousarray(pixels[..., :3]), np.ascontiguousarray(pixels[..., 3])
