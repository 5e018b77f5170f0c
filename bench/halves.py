"""Whether a change of tracking helps clips that it was not tuned on: `python -m bench.halves [DATA] [--variants]`.

The sequences of DATA (a folder of `<name>/{frames,masks}`) are dealt by turns, in order of their names, into two
halves. Tune on one, read the other, then the other way round: what is kept must help both, or one while the other
stays. Printed for each: J of every frame by itself, of tracking, of the better of both, and with `--variants` how far J
moves when nothing of substance changes: LANCZOS for area means, bfloat16, the first frame dropped, the mirror.

Predictions are kept on disk (`--cache`) under a hash of the pixels that the network was given, so that time is spent
only on what a change of the tracker shows the network anew.
"""

import argparse
import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from bench.measures import clip_score, mean
from bench.quality import Clip, clips, through
from vimix.events import returned
from vimix.frame import Pixels
from vimix.matting.engine import Predict
from vimix.matting.image import cpu_predictor, cut_each
from vimix.matting.networks import runtime
from vimix.matting.networks.graph_files import cpu_graph
from vimix.matting.networks.network import open_network
from vimix.matting.registry import find
from vimix.matting.video.tracker import POLICIES, track_subject
from vimix.refine.temporal import smooth
from vimix.settings import Settings

MODEL, SIZE = "isnet-general-use", 768
MEAN_MOVE, WORST_MOVE = 0.01, 0.03
"""By how much J may move with the variants, in the mean and in any sequence, for a matte to count as stable."""


@dataclass
class Cached:
    """A prediction that is counted, and kept on disk under `name` and the picture's hash."""

    name: str
    predict: Predict
    folder: Path
    count: int = 0

    def __call__(self, rgb: Pixels) -> Pixels:
        """As `predict`."""
        self.count += 1
        key = hashlib.blake2b(f"{self.name}{rgb.shape}".encode(), digest_size=16)
        key.update(np.ascontiguousarray(rgb).tobytes())
        file = self.folder / f"{key.hexdigest()}.png"
        if file.is_file():
            return np.asarray(Image.open(file))
        alpha = self.predict(rgb)
        with tempfile.NamedTemporaryFile(dir=self.folder, suffix=".part", delete=False) as part:
            Image.fromarray(alpha).save(part, "PNG", compress_level=1)
        Path(part.name).replace(file)
        return alpha


def in_bfloat16(folder: Path) -> Predict:
    """The same network without its integers."""
    model = find(MODEL)
    graph = returned(cpu_graph(model, SIZE, folder / model.file))
    return cpu_predictor(model, SIZE, runtime.RUNTIMES["openvino"](graph, SIZE, "bf16", None), quick=True)


def with_lanczos(predict: Predict) -> Predict:
    """Pictures brought to the network's size by another filter: what is left to `predict` is to run it."""

    def wrapped(rgb: Pixels) -> Pixels:
        small = np.asarray(Image.fromarray(rgb).resize((SIZE, SIZE), Image.Resampling.LANCZOS))
        size = rgb.shape[1], rgb.shape[0]
        return np.asarray(cv2.resize(predict(small), size, interpolation=cv2.INTER_CUBIC), np.uint8)

    return wrapped


def changed(clip: Clip, how: Callable[[list[Pixels]], list[Pixels]]) -> Clip:
    return replace(clip, pictures=how(clip.pictures), truths=how(clip.truths))


def without_first(pictures: list[Pixels]) -> list[Pixels]:
    return pictures[1:]


def mirrored(pictures: list[Pixels]) -> list[Pixels]:
    return [np.ascontiguousarray(picture[:, ::-1]) for picture in pictures]


@dataclass(frozen=True)
class Row:
    """What was measured of one sequence."""

    name: str
    alone: float
    """J of every frame by itself."""
    tracked: float
    flicker: float
    predictions: float
    """Of the network, a frame of tracking."""
    moves: tuple[float, ...]
    """Of J, by variant."""

    def __str__(self) -> str:
        moves = " ".join(f"{move:+.3f}" for move in self.moves)
        best = max(self.alone, self.tracked)
        rest = f"flicker {self.flicker:.2f}  predictions {self.predictions:.2f}  {moves}"
        return f"{self.name:20} alone {self.alone:.3f}  tracked {self.tracked:.3f}  better {best:.3f}  {rest}"


def measure(clip: Clip, quality: str, predict: Cached, bfloat: Cached | None) -> Row:
    def tracked(of: Clip, predict: Predict) -> tuple[float, float]:
        mattes = through(of, [track_subject(predict, policy=POLICIES[quality]), smooth(0.5)])
        # the first frame is left out of every J: a variant lacks it
        score = clip_score(mattes[-len(clip.pictures) + 1 :], of.truths[-len(clip.pictures) + 1 :])
        return score.j, score.flicker

    alone = clip_score(through(clip, [cut_each(predict, workers=1)])[1:], clip.truths[1:]).j
    predict.count = 0
    j, flicker = tracked(clip, predict)
    predictions = predict.count / len(clip.pictures)
    moves: list[float] = []
    if bfloat is not None:
        lanczos = Cached("lanczos", with_lanczos(predict.predict), predict.folder)
        others: list[tuple[Clip, Predict]] = [(clip, lanczos), (clip, bfloat)]
        others += [(changed(clip, how), predict) for how in (without_first, mirrored)]
        moves = [tracked(*other)[0] - j for other in others]
    return Row(clip.name, alone, j, flicker, predictions, tuple(moves))


def summary(title: str, rows: Sequence[Row]) -> Iterator[str]:
    """The means of a half or of all; which sequences fall below the network alone; and how stable they are."""
    means = [
        mean(values) for values in zip(*((r.alone, r.tracked, max(r.alone, r.tracked)) for r in rows), strict=True)
    ]
    yield f"{title}: alone {means[0]:.3f}  tracked {means[1]:.3f}  better of both {means[2]:.3f}"
    yield f"  flicker {mean(r.flicker for r in rows):.2f}  predictions a frame {mean(r.predictions for r in rows):.2f}"
    below = [row.name for row in rows if row.tracked < row.alone - 0.01]
    yield f"  below every frame by itself: {', '.join(below) or 'none'}"
    moves = [abs(move) for row in rows for move in row.moves]
    if moves:
        far = [row.name for row in rows if max(map(abs, row.moves)) > WORST_MOVE]
        stable = "stable" if mean(moves) <= MEAN_MOVE and not far else "not stable"
        yield f"  moves by {mean(moves):.3f} in the mean: {stable}; more than {WORST_MOVE}: {', '.join(far) or 'none'}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, nargs="?", default=Path(__file__).parents[1] / "../shared/data/davis")
    parser.add_argument("--quality", choices=list(POLICIES), default="balanced")
    parser.add_argument("--variants", action="store_true", help="how far J moves when nothing of substance changes")
    parser.add_argument("--cache", type=Path, default=Path("out/bench/predictions"))
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--json", type=Path, help="where to write the rows as well")
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    asked.cache.mkdir(parents=True, exist_ok=True)
    folder = Settings().model_dir
    network = returned(open_network(find(MODEL), quality="balanced", model_dir=folder))
    predict = Cached(network.runtime.precision, network.predict_fast, asked.cache)
    bfloat = Cached("bf16", in_bfloat16(folder), asked.cache) if asked.variants else None
    rows = []
    for clip in clips(asked.data, asked.frames):
        rows.append(measure(clip, asked.quality, predict, bfloat))
        print(rows[-1], flush=True)
    for title, some in (("half A", rows[::2]), ("half B", rows[1::2]), ("all", rows)):
        print("\n".join(summary(title, some)))
    if asked.json:
        asked.json.write_text(json.dumps([vars(row) for row in rows], indent=1))


if __name__ == "__main__":
    main()
