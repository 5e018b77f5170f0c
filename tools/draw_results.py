"""Cut out the example clips and draw what the first screen shows of it: a loop for each, the hero, and the picture for
shared links. Run after tools/draw_examples.py and once the default model is here; what is there already is left alone.

    python -m tools.draw_results data/examples
"""

import json
import math
import sys
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image, ImageDraw, ImageSequence

import vimix
from vimix.errors import VimixError

LOOP = (400, 226)
"""Pixels of an example's loop: a tile is 360 wide at most."""
BEFORE = (128, 72)
"""Pixels of the small still of how it was."""
HERO = (640, 360)
SHARED = (1200, 630)
SQUARE = 20
"""Pixels of a square of the checkerboard."""
BOARD = ((255, 255, 255), (226, 228, 235))
GRADIENTS = {
    "astronaut": ((255, 150, 110), (91, 61, 245)),
    "cat": ((120, 200, 190), (40, 70, 150)),
    "cup": ((255, 214, 120), (235, 110, 120)),
}
"""What an example's loop stands on: from the upper left to the lower right."""
HERO_OF = "astronaut"
CRF = "33"
"""Quality of the loops: they are small and moving, and load beside the page."""
FPS = 20


def checkerboard(size: tuple[int, int]) -> Image.Image:
    """As the page shows transparency."""
    across, down = np.arange(size[0]) // SQUARE, np.arange(size[1]) // SQUARE
    odd = ((down[:, None] + across) % 2).astype(bool)[..., None]
    return Image.fromarray(np.where(odd, *BOARD).astype(np.uint8))


def gradient(size: tuple[int, int], name: str) -> Image.Image:
    """A diagonal of two colours."""
    across, down = np.linspace(0, 1, size[0]), np.linspace(0, 1, size[1])[:, None]
    part = ((across + down) / 2)[..., None]
    first, last = (np.array(colour, np.float64) for colour in GRADIENTS[name])
    return Image.fromarray((first + (last - first) * part).astype(np.uint8))


def decoded(path: Path, size: tuple[int, int]) -> list[Image.Image]:
    """Every frame of a clip, RGB."""
    with av.open(str(path)) as file:
        shown = [Image.fromarray(frame.to_ndarray(format="rgb24")) for frame in file.decode(video=0)]
    return [image.resize(size, Image.Resampling.LANCZOS) for image in shown]


def cut_out(path: Path, size: tuple[int, int]) -> list[Image.Image]:
    """Every frame of a clip without its background, RGBA. Raises the errors of `vimix.errors`."""
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "cut.webp"
        vimix.remove_background(path, made, fps=FPS, encode_quality=95)
        with Image.open(made) as film:
            frames = ImageSequence.Iterator(film)
            return [frame.convert("RGBA").resize(size, Image.Resampling.LANCZOS) for frame in frames]


def over(background: Image.Image, cut: Image.Image) -> Image.Image:
    """The cut-out on something."""
    whole = background.copy()
    whole.paste(cut, (0, 0), cut)
    return whole


def to_and_fro(count: int) -> list[int]:
    """Frame numbers there and back, so that the end meets the beginning."""
    return [*range(count), *range(count - 2, 0, -1)]


def split(before: Image.Image, after: Image.Image, share: float) -> Image.Image:
    """`before` on the left of a white line, `after` on its right. `share` is where the line is, 0-1."""
    at = round(before.width * share)
    whole = after.copy()
    whole.paste(before.crop((0, 0, at, before.height)), (0, 0))
    ImageDraw.Draw(whole).rectangle((at - 2, 0, at + 1, before.height), fill=(255, 255, 255))
    return whole


def hero(clip: Path, name: str) -> Iterator[Image.Image]:
    """Before and after, the line between them wandering: first on a checkerboard, then on colours."""
    before, after = decoded(clip, HERO), cut_out(clip, HERO)
    places = to_and_fro(min(len(before), len(after)))
    behind = (checkerboard(HERO), gradient(HERO, name))
    for step, place in enumerate(places):
        part = step / len(places)
        share = 0.5 + 0.5 * math.cos(4 * math.pi * part)  # two sweeps; the ground changes while all is before
        yield split(before[place], over(behind[int(part * 2)], after[place]), share)


def encode(frames: Iterator[Image.Image], size: tuple[int, int], path: Path) -> None:
    """Write H.264, whole or not at all."""
    unfinished = path.with_suffix(".part")
    with av.open(str(unfinished), "w", format="mp4", options={"movflags": "faststart"}) as file:
        stream = file.add_stream("libx264", rate=FPS, options={"crf": CRF, "preset": "slow"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.time_base = Fraction(1, FPS)
        for image in frames:
            file.mux(stream.encode(av.VideoFrame.from_ndarray(np.asarray(image), format="rgb24")))
        file.mux(stream.encode())
    unfinished.rename(path)


def draw(folder: Path, row: dict[str, str]) -> None:
    """The loop of one example, and of the first one the hero."""
    name, clip, loop = row["name"], folder / row["file"], folder / f"{row['name']}-result.mp4"
    if not loop.exists():
        frames = cut_out(clip, LOOP)
        ground = gradient(LOOP, name)
        decoded(clip, BEFORE)[0].save(folder / f"{name}-before.jpg", quality=76)
        over(ground, frames[0]).save(loop.with_suffix(".jpg"), quality=76)
        encode((over(ground, frames[place]) for place in to_and_fro(len(frames))), LOOP, loop)
    first = folder / "hero.mp4"
    if name == HERO_OF and not first.exists():
        shown = list(hero(clip, name))
        still = shown[len(shown) // 8]
        still.save(first.with_suffix(".jpg"), quality=72)
        still.resize(SHARED, Image.Resampling.LANCZOS, box=(0, 12, 640, 348)).save(folder / "share.jpg", quality=80)
        encode(iter(shown), HERO, first)


def main(folder: Path) -> None:
    """Draw what is not there yet; without a model there is less to see, and the page works all the same."""
    for row in json.loads((folder / "examples.json").read_text()):
        try:
            draw(folder, row)
        except VimixError as error:
            print(f"The result of {row['name']} is not drawn: {error.public}", file=sys.stderr)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "data/examples"))
