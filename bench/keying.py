"""How near the chroma keyer comes to an exact alpha in video that keeps colour at half resolution (4:2:0).

    python -m bench.keying [--tuning] [--pictures FOLDER] [--json FILE]

Strands, circles, thin bars, slanted edges and text are drawn with a seed, at four times the size, so alpha is exact.
They move before a green or blue screen that is lit evenly, unevenly, or unevenly with a soft shadow on it; the clip is
encoded by ffmpeg as 4:2:0 H.264, read by our reader, keyed. The error is the mean difference of alpha, of 1, within 3
pixels of where 0 < alpha < 1; `shadow` is the same where the shadow falls, against black of the right transparency.
Odd seeds are reported; even ones (`--tuning`) are for finding constants.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.measures import mean
from tests.clips import ffmpeg
from vimix.frame import Frame, Pixels
from vimix.matting.chroma_key import find_key
from vimix.matting.keyer import FIRST_FRAMES
from vimix.media.decode import open_source

Floats = NDArray[np.float32]
SIZE = (384, 256)
FINE = 4
"""How many times larger shapes are drawn."""
FRAMES = 4
SEEDS = 12
QUALITIES = (18, 28)
"""x264's crf."""
SHAPES = ("strands", "circles", "bars", "slants", "text")
LIGHTS = ("even", "uneven", "shadow")
SCREENS = ((0, 177, 64), (20, 71, 200))
SUBJECTS = ((205, 150, 120), (45, 35, 30), (235, 232, 225), (190, 40, 45), (120, 118, 125), (230, 180, 60))


class Staged(NamedTuple):
    """A drawn frame and what is true of it."""

    rgb: Pixels
    subject: Floats
    """Alpha of the subject alone, (H, W), 0-1."""
    shade: Floats
    """How much light the shadow takes from the screen, (H, W), 0-1."""

    @property
    def alpha(self) -> Floats:
        """Of the subject with its shadow as black."""
        total: Floats = self.subject + (1 - self.subject) * self.shade
        return total


def drawn(shape: str, seed: int, moved: float) -> Floats:
    """Alpha (H, W), 0-1, of one shape."""
    chance = np.random.default_rng(seed)
    width, height = SIZE[0] * FINE, SIZE[1] * FINE
    mask = np.zeros((height, width), np.uint8)
    middle = np.array([width * (0.5 + moved / 400), height * 0.5])
    if shape == "strands":
        cv2.circle(mask, middle.astype(int).tolist(), 200, 255, -1)
        for _ in range(60):
            turn, bend = chance.uniform(0, 2 * np.pi), chance.normal(0, 0.25)
            along = np.arange(0, 12)[:, None] * chance.uniform(22, 34)
            turned = turn + bend * np.arange(12)[:, None] / 4
            line = (middle + along * np.hstack([np.cos(turned), np.sin(turned)])).astype(np.int32)
            cv2.polylines(mask, [line], False, 255, int(chance.integers(3, 8)), cv2.LINE_AA)
    elif shape == "circles":
        for _ in range(12):
            place = (middle + chance.uniform(-0.3, 0.3, 2) * (width, height)).astype(int).tolist()
            cv2.circle(mask, place, int(chance.integers(12, 120)), 255, -1, cv2.LINE_AA)
    elif shape == "bars":
        for n in range(10):
            left = int(middle[0] + (n - 5) * 90 + chance.integers(-20, 20))
            cv2.rectangle(mask, (left, 200), (left + int(chance.integers(5, 30)), 820), 255, -1)
    elif shape == "slants":
        for _ in range(5):
            centre = middle + chance.uniform(-0.25, 0.25, 2) * (width, height)
            angles = np.sort(chance.uniform(0, 2 * np.pi, 4))
            offsets = 180 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
            cv2.fillPoly(mask, [(centre + offsets).astype(np.int32)], 255, cv2.LINE_AA)
    else:
        word = "".join(chance.choice(list("AKMRWXegks8")) for _ in range(5))
        cv2.putText(mask, word, (int(middle[0]) - 500, 600), cv2.FONT_HERSHEY_SIMPLEX, 12, 255, 22, cv2.LINE_AA)
    small = np.asarray(cv2.resize(mask, SIZE, interpolation=cv2.INTER_AREA), np.float32)
    return small / np.float32(255)


def staged(shape: str, light: str, seed: int, number: int) -> Staged:
    """Frame `number` of the clip of this seed."""
    chance = np.random.default_rng([seed, 7])
    grid = np.mgrid[: SIZE[1], : SIZE[0]].astype(np.float32)
    y, x = grid[0] / SIZE[1], grid[1] / SIZE[1]
    screen = np.array(SCREENS[chance.integers(len(SCREENS))], np.float32)
    own = np.array(SUBJECTS[chance.integers(len(SUBJECTS))], np.float32)
    waves = 1 + 0.25 * np.sin(y * chance.uniform(20, 60) + chance.uniform(0, 6)) * np.sin(x * chance.uniform(10, 40))
    lit = np.ones(x.shape, np.float32)
    if light != "even":
        fall, bow = chance.uniform(0.15, 0.3), chance.uniform(0.1, 0.3)
        lit = np.asarray(1.15 - fall * x - bow * (y - 0.4) ** 2, np.float32)
    shade = np.zeros(x.shape, np.float32)
    if light == "shadow":
        place = (int(SIZE[0] * chance.uniform(0.3, 0.7)), int(SIZE[1] * 0.72))
        axes = (int(chance.integers(60, 100)), int(chance.integers(20, 45)))
        cv2.ellipse(shade, place, axes, 0, 0, 360, chance.uniform(0.25, 0.6), -1)
        shade = np.asarray(cv2.GaussianBlur(shade, (0, 0), chance.uniform(2, 8)), np.float32)
    alpha = drawn(shape, seed, number * chance.uniform(0.5, 2.5))
    behind = screen * (lit * (1 - shade))[:, :, None]
    rgb = own * waves[:, :, None] * alpha[:, :, None] + behind * (1 - alpha[:, :, None])
    rgb += np.random.default_rng([seed, number]).normal(0, 1.5, rgb.shape)
    return Staged((rgb.clip(0, 255) + 0.5).astype(np.uint8), alpha, shade)


def decoded(frames: list[Staged], crf: int, path: Path) -> list[Frame]:
    """The frames as they come out of an H.264 file with halved colour."""
    given = b"".join(frame.rgb.tobytes() for frame in frames)
    raw = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{SIZE[0]}x{SIZE[1]}", "-r", 25, "-i", "pipe:0")
    ffmpeg(*raw, "-c:v", "libx264", "-crf", crf, "-pix_fmt", "yuv420p", path, data=given)
    return list(open_source(path).frames())


def measured(frame: Staged, alpha: Pixels) -> dict[str, float]:
    """Errors of one frame's alpha."""
    wrong = np.abs(alpha / np.float32(255) - frame.alpha)
    soft = ((frame.subject > 0) & (frame.subject < 1)).astype(np.uint8)
    band = cv2.dilate(soft, np.ones((7, 7), np.uint8)) > 0
    found = {"edges": float(wrong[band].mean()), "rest": float(wrong[~band & (frame.shade < 0.02)].mean())}
    if (fallen := (frame.shade > 0.1) & ~band).any():
        found["shadow"] = float(wrong[fallen].mean())
    return found


def clip(shape: str, light: str, crf: int, seed: int, pictures: Path | None) -> list[dict[str, Any]]:
    """One row for each frame."""
    frames = [staged(shape, light, seed, number) for number in range(FRAMES)]
    with tempfile.TemporaryDirectory() as folder:
        seen = decoded(frames, crf, Path(folder) / "clip.mp4")
    key = find_key(seen[:FIRST_FRAMES])
    rows: list[dict[str, Any]] = []
    for number, (frame, rgb) in enumerate(zip(frames, (one.rgb for one in seen), strict=True)):
        began = time.process_time()
        alpha = key.alpha(rgb) if key else np.full(rgb.shape[:2], 255, np.uint8)
        took = (time.process_time() - began) * 1000
        rows.append({"shape": shape, "light": light, "crf": crf, "ms": took, **measured(frame, alpha)})
        if pictures and key and not number:
            show(pictures / f"{shape}-{light}-{crf}-{seed}.png", rgb, alpha, key.unmix(rgb, alpha), frame)
    return rows


def show(path: Path, rgb: Pixels, alpha: Pixels, colours: Pixels, frame: Staged) -> None:
    """The clip, the cut-out over grey, its alpha, and the true alpha, twice as large."""
    share = alpha[:, :, None] / np.float32(255)
    over = (colours * share + 160 * (1 - share)).astype(np.uint8)
    truth = np.asarray(frame.alpha * 255, np.uint8)
    tiles = [rgb, over, *(cv2.cvtColor(plane, cv2.COLOR_GRAY2RGB) for plane in (alpha, truth))]
    sheet = np.vstack([np.hstack(tiles[:2]), np.hstack(tiles[2:])])
    Image.fromarray(np.asarray(sheet)).resize((SIZE[0] * 4, SIZE[1] * 4), Image.Resampling.NEAREST).save(path)


def table(rows: list[dict[str, Any]]) -> list[str]:
    """A line for every light and quality, and the mean of each shape."""
    lines = [f"{'':16} {'edges':>7} {'shadow':>7} {'rest':>7} {'ms':>6}"]
    groups = [(f"{light} crf {crf}", {"light": light, "crf": crf}) for light in LIGHTS for crf in QUALITIES]
    groups += [(shape, {"shape": shape}) for shape in SHAPES]
    for name, same in [*groups, ("all", {})]:
        these = [row for row in rows if all(row[part] == value for part, value in same.items())]
        if not these:
            continue
        cells = [[row[part] for row in these if part in row] for part in ("edges", "shadow", "rest")]
        told = " ".join(f"{mean(cell):7.4f}" if cell else f"{'':7}" for cell in cells)
        lines.append(f"{name:16} {told} {mean(row['ms'] for row in these):6.1f}")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tuning", action="store_true", help="the even seeds instead of the odd ones")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="odd and even together")
    parser.add_argument("--pictures", type=Path, help="an existing folder for a picture of each clip")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    rows = [
        row
        for seed in range(0 if asked.tuning else 1, asked.seeds, 2)
        for shape in SHAPES
        for light in LIGHTS
        for crf in QUALITIES
        for row in clip(shape, light, crf, seed, asked.pictures)
    ]
    print("\n".join(table(rows)))
    if asked.json:
        asked.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
