"""Draw the three example clips of the first screen from photographs that scikit-image carries.

A hand-held camera moves over a portrait and a cat; a cup turns before a green screen. So there are clips to try
without a binary in the repository. What is there already is left alone.

    python tools/draw_examples.py data/examples
"""

import json
import math
import sys
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image, ImageDraw, ImageFilter
from skimage import data

SIZE = (640, 360)
POSTER = (400, 225)
FPS = 20
GREEN = (20, 176, 72)
SUPERSAMPLE = 2


def camera(
    photo: Image.Image, seconds: float, at: tuple[float, float], zoom: tuple[float, float]
) -> Iterator[Image.Image]:
    """A look at `photo`, drifting and trembling around the point `at` (fractions), from one zoom to the other."""
    count = round(seconds * FPS)
    for step in range(count):
        part = step / max(1, count - 1)
        ease = 0.5 - 0.5 * math.cos(math.pi * part)
        width = photo.width / (zoom[0] + (zoom[1] - zoom[0]) * ease)
        height = width * SIZE[1] / SIZE[0]
        x = photo.width * at[0] + 0.03 * photo.width * math.sin(2 * math.pi * part) + 1.5 * math.sin(step * 0.9)
        y = photo.height * at[1] + 0.02 * photo.height * math.cos(3 * math.pi * part) + 1.2 * math.sin(step * 1.3)
        left = min(max(x - width / 2, 0), photo.width - width)
        top = min(max(y - height / 2, 0), photo.height - height)
        yield photo.resize(SIZE, Image.Resampling.BICUBIC, (left, top, left + width, top + height))


def turning(subject: Image.Image, seconds: float) -> Iterator[Image.Image]:
    """`subject` turns to and fro and wanders before a green screen that is lit a little unevenly."""
    count = round(seconds * FPS)
    across, down = np.meshgrid(np.linspace(-1, 1, SIZE[0]), np.linspace(-1, 1, SIZE[1]))
    light = 1.06 - 0.14 * (across**2 + down**2)[..., None]
    screen = Image.fromarray(np.clip(np.array(GREEN) * light, 0, 255).astype(np.uint8))
    for step in range(count):
        part = 2 * math.pi * step / count
        turned = subject.rotate(14 * math.sin(part), Image.Resampling.BICUBIC)
        frame = screen.copy()
        place = (round(150 + 40 * math.sin(part)), round(30 + 14 * math.cos(2 * part)))
        frame.paste(turned, place, turned)
        yield frame


def cup() -> Image.Image:
    """The cup, saucer and all, cut from its table by two ellipses."""
    photo = Image.fromarray(data.coffee())
    large = Image.new("L", (photo.width * SUPERSAMPLE, photo.height * SUPERSAMPLE))
    draw = ImageDraw.Draw(large)
    for box in ((84, 60, 476, 384), (172, 20, 414, 230)):
        draw.ellipse([edge * SUPERSAMPLE for edge in box], fill=255)
    mask = large.resize(photo.size, Image.Resampling.BOX).filter(ImageFilter.GaussianBlur(0.8))
    photo.putalpha(mask)
    return photo.crop((70, 10, 490, 394)).resize((350, 320), Image.Resampling.LANCZOS)


def clips() -> list[tuple[dict[str, Any], Callable[[], Iterator[Image.Image]]]]:
    """What is drawn, in the order of the first screen."""
    person, cat = Image.fromarray(data.astronaut()), Image.fromarray(data.chelsea())
    return [
        (_row("astronaut", 4, "A person", "Una persona"), lambda: camera(person, 4, (0.45, 0.3), (1.0, 1.25))),
        (_row("cat", 3, "Fur and whiskers", "Pelo y bigotes"), lambda: camera(cat, 3, (0.5, 0.45), (1.05, 1.2))),
        (_row("cup", 3, "Green screen", "Pantalla verde"), lambda: turning(cup(), 3)),
    ]


def _row(name: str, seconds: float, english: str, spanish: str) -> dict[str, Any]:
    label = {"en": english, "es": spanish}
    return {"name": name, "file": f"{name}.mp4", "poster": f"{name}.jpg", "seconds": seconds, "label": label}


def encode(frames: Iterator[Image.Image], path: Path) -> None:
    """Write H.264, whole or not at all."""
    unfinished = path.with_suffix(".part")
    with av.open(str(unfinished), "w", format="mp4", options={"movflags": "faststart"}) as file:
        stream = file.add_stream("libx264", rate=FPS, options={"crf": "20", "preset": "medium"})
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        stream.time_base = Fraction(1, FPS)
        for image in frames:
            file.mux(stream.encode(av.VideoFrame.from_ndarray(np.asarray(image.convert("RGB")), format="rgb24")))
        file.mux(stream.encode())
    unfinished.rename(path)


def main(folder: Path) -> None:
    """Draw what is not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for row, draw in clips():
        rows.append(row)
        if not (folder / row["file"]).exists():
            next(draw()).resize(POSTER, Image.Resampling.LANCZOS).save(folder / row["poster"], quality=80)
            encode(draw(), folder / row["file"])
    (folder / "examples.json").write_text(json.dumps(rows, ensure_ascii=False, indent=1))


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "data/examples"))
