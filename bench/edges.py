"""How near the colours of half-transparent pixels come to the truth, how calm they are, and what that costs.

    python -m bench.edges [DATA] [--json FILE]

36 pictures whose colours and alpha are known exactly, 512x512, before photographs and strong colours: the mean absolute
error of the colour where 0.05 < alpha < 0.95, of 1. `wide` is the same with alpha a pixel too wide and softer, as a
network's is. `calm` is how much those colours move from frame to frame in a clip, of how much they truly do. The time
is the CPU's, for one picture and, given `--mattes`, for a 720p frame of clips whose matte comes from a network.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vimix.frame import Pixels
from vimix.refine.foreground import clean

Method = Callable[[Pixels, Pixels], NDArray[np.generic]]
STRONG = [(0, 177, 64), (0, 71, 187), (255, 255, 255), (0, 0, 0), (255, 0, 80), (255, 220, 0)]


class Picture(NamedTuple):
    """What is seen, and what is true of it."""

    seen: Pixels
    alpha: Pixels
    colours: Pixels


def pictures(data: Path) -> list[Picture]:
    photos = sorted((data / "ecssd").glob("*.jpg"))
    files = sorted((data / "alpha").glob("noto*.png")) + sorted((data / "alpha").glob("fluent*.png"))[::4][:12]
    found = []
    for n, file in enumerate(files):
        strong = np.broadcast_to(np.array(STRONG[n // 2 % 6], np.uint8), (512, 512, 3))
        photo = Image.open(photos[n * 7 % len(photos)]).convert("RGB").resize((512, 512))
        found.append(
            before(Image.open(file).convert("RGBA").resize((512, 512)), np.asarray(photo) if n % 2 else strong)
        )
    return found


def before(cutout: Image.Image, background: Pixels) -> Picture:
    rgba = np.asarray(cutout)
    share = rgba[..., 3:] / 255
    seen = rgba[..., :3] * share + background * (1 - share)
    return Picture((seen + 0.5).astype(np.uint8), rgba[..., 3].copy(), rgba[..., :3].copy())


def widened(alpha: Pixels) -> Pixels:
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    return np.asarray(cv2.GaussianBlur(cv2.dilate(alpha, cross), (0, 0), 1.2), np.uint8)


def soft(alpha: Pixels) -> NDArray[np.bool_]:
    return (alpha > 0.05 * 255) & (alpha < 0.95 * 255)


def error(method: Method, picture: Picture, alpha: Pixels | None = None) -> float:
    given = picture.alpha if alpha is None else alpha
    where = soft(given) & (picture.alpha > 0.05 * 255)
    found = method(picture.seen, given)[where].astype(float)
    return float(np.abs(found - picture.colours[where]).mean() / 255)


def calm(method: Method, data: Path) -> float:
    """The dancer before a still photograph: movement of the found colours, of that of the true ones."""
    photo = Image.open(sorted((data / "ecssd").glob("*.jpg"))[3]).convert("RGB")
    moved = truly = 0.0
    last: tuple[Picture, NDArray[np.generic]] | None = None
    for file in sorted((data / "alpha/video_dancer1").glob("*.png"))[:20]:
        cutout = Image.open(file).convert("RGBA")
        picture = before(cutout, np.asarray(photo.resize(cutout.size)))
        found = method(picture.seen, picture.alpha)
        if last:
            both = soft(picture.alpha) & soft(last[0].alpha)
            moved += np.abs(found[both].astype(float) - last[1][both]).sum()
            truly += np.abs(picture.colours[both].astype(float) - last[0].colours[both]).sum()
        last = picture, found
    return moved / truly


def blur_fusion(rgb: Pixels, alpha: Pixels) -> NDArray[np.generic]:
    """Forte (2021), arXiv:2101.09332."""
    seen, share = rgb.astype(np.float32), alpha[..., None] / np.float32(255)
    subject = behind = seen
    for reach in ((91, 91), (7, 7)):
        weight = cv2.blur(share, reach)[..., None]
        near = cv2.blur(subject * share, reach) / (weight + 1e-5)
        behind = cv2.blur(behind * (1 - share), reach) / (1 - weight + 1e-5)
        subject = (near + share * (seen - share * near - (1 - share) * behind)).clip(0, 255)
    return subject


def pymatting(rgb: Pixels, alpha: Pixels) -> NDArray[np.generic]:
    from pymatting import estimate_foreground_ml

    found = estimate_foreground_ml(rgb / np.float32(255), alpha / np.float32(255))
    return np.clip(found, 0, 1) * 255  # type: ignore[no-any-return]


METHODS: dict[str, Method] = {
    "none": lambda rgb, alpha: rgb,
    "blur fusion": blur_fusion,
    "pymatting": pymatting,
    "vimix": clean,
}


def milliseconds(method: Method, cases: list[tuple[Pixels, Pixels]]) -> float:
    method(*cases[0])
    began = time.process_time()
    for case in cases:
        method(*case)
    return (time.process_time() - began) / len(cases) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="?", default=Path("../shared/data"))
    parser.add_argument("--mattes", type=Path, help="folder of .npz with rgb and alpha of 720p frames")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    all_pictures = pictures(asked.data)
    frames = []
    for file in sorted(asked.mattes.glob("*.npz")) if asked.mattes else ():
        stored = np.load(file)
        frames += [case for case in zip(stored["rgb"], stored["alpha"], strict=True) if case[1].size == 1280 * 720]
    rows = []
    print(f"{'':12} {'error':>7} {'wide':>7} {'calm':>6} {'ms 512x512':>11} {'ms 720p':>8}")
    for name, method in METHODS.items():
        row: dict[str, Any] = {
            "method": name,
            "error": float(np.mean([error(method, picture) for picture in all_pictures])),
            "wide": float(np.mean([error(method, picture, widened(picture.alpha)) for picture in all_pictures])),
            "calm": calm(method, asked.data),
            "ms_512": milliseconds(method, [(picture.seen, picture.alpha) for picture in all_pictures]),
            "ms_720p": milliseconds(method, frames) if frames else float("nan"),
        }
        rows.append(row)
        print(
            "{method:12} {error:7.4f} {wide:7.4f} {calm:6.2f} {ms_512:11.1f} {ms_720p:8.1f}".format_map(row), flush=True
        )
    if asked.json:
        asked.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
