"""What a correct click is worth: `python -m bench.corrections FOLDER` for sequences `FOLDER/<name>/{frames,masks}`.

For each sequence the matte is made once; then whatever is most wrong in its worst frame is clicked, as a person would:
with a minus on what should not be there, or a stroke over what is missing. Printed: J before, after, and the gain.
"""

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vimix.events import returned
from vimix.frame import Frame, Pixels, opaque
from vimix.matting import matte_file, registry
from vimix.matting.engine import EngineRequest
from vimix.matting.video import corrections
from vimix.matting.video.corrections import Correction
from vimix.points import Point
from vimix.settings import Settings

Mask = NDArray[np.bool_]
STROKE = 0.04
"""Width of a painted stroke, as a share of the picture's longer side."""


@dataclass(frozen=True)
class Sequence:
    """Frames with hand-made masks."""

    frames: list[Frame]
    masks: list[Mask]


def read(folder: Path, count: int) -> Sequence:
    """The first frames of a sequence, at 25 a second."""
    frames, masks = list[Frame](), list[Mask]()
    for place, path in enumerate(sorted((folder / "frames").iterdir())[:count]):
        rgb = np.asarray(cv2.cvtColor(np.asarray(cv2.imread(str(path))), cv2.COLOR_BGR2RGB), np.uint8)
        frames.append(Frame(rgb, opaque(*rgb.shape[:2]), Fraction(place, 25), Fraction(1, 25)))
        masks.append(np.asarray(cv2.imread(str(folder / "masks" / f"{path.stem}.png"), cv2.IMREAD_GRAYSCALE)) > 127)
    return Sequence(frames, masks)


def jaccard(alpha: Pixels, mask: Mask) -> float:
    """Intersection over union, 0-1."""
    found = alpha > 127
    union = np.count_nonzero(found | mask)
    return np.count_nonzero(found & mask) / union if union else 1.0


def deepest(region: Mask) -> tuple[int, int]:
    """The place (x, y) farthest from the region's edge."""
    depth = cv2.distanceTransform(np.pad(region, 1).astype(np.uint8), cv2.DIST_L2, 3)[1:-1, 1:-1]
    y, x = np.unravel_index(int(depth.argmax()), depth.shape)
    return int(x), int(y)


def largest(region: Mask) -> Mask:
    """The largest connected piece."""
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(region.astype(np.uint8))
    return np.asarray(pieces == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())) if count > 1 else region


def one(alpha: Pixels, mask: Mask, time: float) -> Correction | None:
    """What a person would say of that frame first, if anything is worth saying."""
    found = alpha > 127
    extra, missing = largest(found & ~mask), largest(mask & ~found)
    if max(extra.sum(), missing.sum()) < 0.01 * mask.sum():
        return None
    height, width = mask.shape
    if extra.sum() >= missing.sum():
        x, y = deepest(extra)
        return Correction(time, (Point(x0=x / width, x1=x / width, y0=y / height, y1=y / height, keep=False),))
    stroke = cv2.erode(missing.astype(np.uint8), np.ones((5, 5), np.uint8))
    return Correction(time, paint=(stroke if stroke.any() else missing).astype(np.int8))


def matte_of(frames: list[Frame], quality: str) -> list[Pixels]:
    """The alpha of each frame, as a run finds it."""
    settings = Settings.load()
    request = EngineRequest(
        first_frames=lambda count: frames[:count], still=False, frames=len(frames), quality=quality, points=(),
        start=0.0, model_dir=settings.model_dir, mirrors=settings.mirrors, device="auto", threads=2,
    )  # fmt: skip
    return [frame.alpha for frame in returned(registry.prepare("auto", request)).stage(frames)]


def cached(folder: Path, cache: Path, quality: str, clip: Sequence) -> list[Pixels]:
    """`matte_of`, kept in a file: the clicks are what is measured."""
    path = cache / f"{folder.name}-{quality}-{len(clip.frames)}.matte"
    if not path.exists():
        alphas = matte_of(clip.frames, quality)
        for _ in matte_file.store(path)(replace(f, alpha=a) for f, a in zip(clip.frames, alphas, strict=True)):
            pass
    return [cut.alpha for cut in matte_file.stored_alphas(path)]


def tried(clip: Sequence, alphas: list[Pixels], clicks: int) -> Iterator[float]:
    """Mean J without a correction, then with one more at a time, each in the frame that is worst by then."""
    now, said = alphas, list[Correction]()
    for _ in range(clicks + 1):
        scores = [jaccard(alpha, mask) for alpha, mask in zip(now, clip.masks, strict=True)]
        yield float(np.mean(scores))
        at = int(np.argmin(scores))
        correction = one(now[at], clip.masks[at], float(clip.frames[at].time))
        if correction is None:
            continue
        said.append(correction)
        frames = [replace(frame, alpha=alpha) for frame, alpha in zip(clip.frames, alphas, strict=True)]
        now = [frame.alpha for frame in corrections.apply(corrections.regions(frames, said))(frames)]


def line(name: str, scores: list[float]) -> str:
    """A row of the table."""
    return f"{name:22}" + "".join(f" {score:.3f}" for score in scores) + f"  gain {scores[-1] - scores[0]:+.3f}"


def main() -> None:
    """Print a line for each sequence, and the means."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--quality", default="balanced")
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--clicks", type=int, default=2)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "vimix-corrections")
    asked = parser.parse_args()
    asked.cache.mkdir(parents=True, exist_ok=True)
    table = []
    for folder in sorted(path for path in asked.folder.iterdir() if (path / "masks").is_dir()):
        clip = read(folder, asked.frames)
        row = list(tried(clip, cached(folder, asked.cache, asked.quality, clip), asked.clicks))
        table.append(row)
        print(line(folder.name, row), flush=True)
    print(line("mean", list(np.mean(table, axis=0))))


if __name__ == "__main__":
    main()
