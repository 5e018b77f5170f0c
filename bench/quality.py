"""How good the mattes are: the network alone, each stage alone, and all together, at the three qualities.

    python -m bench.quality [DATA] [--quick] [--json FILE]

DATA is ../shared/data unless told: `davis/` (clips with hand-made masks of one subject), `composite/` (a clip whose
alpha is exact), `ecssd/` and `matting/` (stills), `alpha/` (pictures with exact alpha, laid over photographs and strong
colours). What is not there is left out, and said. A look at a picture is remembered, so that the stages are compared on
the same looks; time is that of the looks as measured at warm-up, and the CPU's own for all else.

The frame that steadying makes worst is shown in ghost-DATA.png beside the JSON: picture, truth, before, after.
"""

import argparse
import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from bench.edges import pictures as exact
from bench.measures import Score, Still, clip_score, mean, still_score, unit
from vimix.frame import Frame, Pixels, Stage, opaque
from vimix.matting.engine import Predict
from vimix.matting.image import cut_each, with_augmentation
from vimix.matting.networks.network import open_network
from vimix.matting.registry import find
from vimix.matting.video.tracker import POLICIES, track_subject
from vimix.refine.closed_form import solved
from vimix.refine.temporal import smooth
from vimix.settings import Settings

QUALITIES = ("fast", "balanced", "best")
STILLS = ("ecssd", "matting", "alpha")
FPS = 24


@dataclass
class Remembering:
    """A look that is counted, and not made twice on the same picture."""

    predict: Predict
    cost: float
    """CPU-seconds of one."""
    seen: dict[bytes, Pixels] = field(default_factory=dict)
    asked: int = 0
    spent: float = 0.0
    """CPU-seconds in looks that were really made."""

    def __call__(self, rgb: Pixels) -> Pixels:
        """As `look`."""
        self.asked += 1
        key = hashlib.blake2b(np.ascontiguousarray(rgb).tobytes(), digest_size=16).digest()
        if key not in self.seen:
            began = time.process_time()
            self.seen[key] = self.predict(rgb)
            self.spent += time.process_time() - began
        return self.seen[key]


@dataclass(frozen=True)
class Clip:
    """Pictures, and the true matte of each."""

    name: str
    pictures: list[Pixels]
    truths: list[Pixels]

    def frames(self) -> Iterator[Frame]:
        """As a source gives them."""
        for at, rgb in enumerate(self.pictures):
            yield Frame(rgb, opaque(*rgb.shape[:2]), Fraction(at, FPS), Fraction(1, FPS))


def clips(folder: Path, most: int) -> list[Clip]:
    return [
        Clip(
            place.name,
            [np.asarray(Image.open(file).convert("RGB")) for file in sorted((place / "frames").iterdir())[:most]],
            [grey(file) for file in sorted((place / "masks").iterdir())[:most]],
        )
        for place in sorted(folder.iterdir())
    ]


def grey(file: Path) -> Pixels:
    picture = Image.open(file)
    return np.asarray(picture.getchannel("A") if "A" in picture.getbands() else picture.convert("L"))


def engine(quality: str, *, following: bool = False) -> Remembering:
    opening = open_network(find("isnet-general-use"), quality=quality, model_dir=Settings().model_dir)
    while True:
        try:
            print("  ", next(opening).text, flush=True)
        except StopIteration as ended:
            opened = ended.value
            return Remembering(opened.predict_fast if following else opened.predict, opened.cost)


def through(clip: Clip, stages: Sequence[Stage]) -> list[Pixels]:
    frames = clip.frames()
    for stage in stages:
        frames = stage(frames)
    with closing(frames):  # type: ignore[type-var]
        return [frame.alpha for frame in frames]


def measure(predict: Remembering, stages: Sequence[Stage], chosen: Sequence[Clip]) -> tuple[Score, dict[str, Any]]:
    """The mean score of the clips, and what else goes into the table."""
    predict.asked, predict.spent, began = 0, 0.0, time.process_time()
    scores = {clip.name: clip_score(through(clip, stages), clip.truths) for clip in chosen}
    count = sum(len(clip.pictures) for clip in chosen)
    other = (time.process_time() - began - predict.spent) / count
    score = Score(*np.mean(list(scores.values()), axis=0).tolist())
    facts: dict[str, Any] = {
        "looks_a_frame": round(predict.asked / count, 3),
        "cpu_ms_a_frame": round(1000 * (predict.asked / count * predict.cost + other), 1),
        "of_them_not_looks": round(1000 * other, 1),
        "j_by_clip": {name: round(score.j, 3) for name, score in scores.items()},
    }
    return score, facts


def of_clips(
    name: str, chosen: Sequence[Clip], predictors: dict[str, Remembering], out: Path
) -> list[dict[str, object]]:
    rows = []
    for quality in QUALITIES:
        each = predictors[quality]
        followed = predictors["following"]
        for label, predict, stages in (
            ("network alone", each, [cut_each(each, workers=1)]),
            ("+ smoothing", each, [cut_each(each, workers=1), smooth(0.5)]),
            ("+ tracking", followed, [track_subject(followed, policy=POLICIES[quality])]),
            ("all together", followed, [track_subject(followed, policy=POLICIES[quality]), smooth(0.5)]),
        ):
            score, facts = measure(predict, stages, chosen)
            cost = f"{facts['looks_a_frame']:.2f} looks  {facts['cpu_ms_a_frame']:5.0f} ms CPU"
            print(f"{name:10} {quality:9} {label:14} {score}  {cost}  {list(facts['j_by_clip'].values())}", flush=True)
            rows.append({"set": name, "quality": quality, "stages": label, **score._asdict(), **facts})
    predict, policy = predictors["following"], POLICIES["balanced"]
    plain, calmed = (
        [through(clip, [track_subject(predict, policy=policy), *more]) for clip in chosen]
        for more in ([], [smooth(0.5)])
    )
    sheet, where = worst(list(zip(chosen, plain, calmed, strict=True)))
    Image.fromarray(sheet).save(out / f"ghost-{name}.png")
    print(f"{name:10} steadying is worst in {where}: ghost-{name}.png", flush=True)
    return rows


def worst(pairs: Sequence[tuple[Clip, list[Pixels], list[Pixels]]]) -> tuple[Pixels, str]:
    """The frame whose matte came furthest from its truth between before and after, in pictures and in words."""
    found = []
    for which, (clip, before, after) in enumerate(pairs):
        for at, (truth, old, new) in enumerate(zip(clip.truths, before, after, strict=True)):
            errors = [float(np.abs(unit(matte) - unit(truth)).mean()) for matte in (old, new)]
            found.append((errors[1] - errors[0], which, at, errors))
    _, which, at, errors = max(found, key=lambda each: each[0])
    clip, before, after = pairs[which]
    panes = [clip.pictures[at], *(np.dstack([each] * 3) for each in (clip.truths[at], before[at], after[at]))]
    where = f"frame {at} of {clip.name}: error {errors[0]:.4f}, {errors[1]:.4f}"
    return np.hstack(panes), where


def stills(folder: Path, most: int) -> Iterator[tuple[Pixels, Pixels, Pixels | None]]:
    """Pictures, their mattes, and trimaps where there are any."""
    if folder.name == "alpha":
        for picture in exact(folder.parent)[:most]:
            yield picture.seen, picture.alpha, None
        return
    for file in [file for file in sorted(folder.glob("*.jpg")) if file.with_suffix(".png").exists()][:most]:
        rgb, truth = np.asarray(Image.open(file).convert("RGB")), grey(file.with_suffix(".png"))
        if truth.shape != rgb.shape[:2]:
            truth = np.asarray(cv2.resize(truth, rgb.shape[1::-1]), np.uint8)
        trimap = file.with_name(f"{file.stem}_trimap.png")
        yield rgb, truth, grey(trimap) if trimap.exists() else None


def of_stills(name: str, folder: Path, most: int, predictors: dict[str, Remembering]) -> list[dict[str, object]]:
    """`band` is the mean error where the data's own trimap says that alpha is to be found."""
    rows = []
    for quality in QUALITIES:
        predict = predictors[quality]
        again = with_augmentation(predict)
        for label, work in (
            ("network alone", predict),
            ("test-time augmentation", again),
            ("+ closed form", lambda rgb, again=again: solved(rgb, again(rgb))),
        ):
            if label[0] == "+" and name != "matting":
                continue
            predict.asked, predict.spent, began = 0, 0.0, time.process_time()
            scores, bands = [], []
            for rgb, truth, trimap in stills(folder, most):
                matte = work(rgb)
                scores.append(still_score(matte, truth))
                if trimap is not None:
                    bands.append(float(np.abs(unit(matte) - unit(truth))[trimap == 128].mean()))
            score = Still(*(mean(column) for column in zip(*scores, strict=True)))
            other = time.process_time() - began - predict.spent
            facts = {
                "looks": round(predict.asked / len(scores), 2),
                "cpu_ms": round(1000 * (predict.asked * predict.cost + other) / len(scores)),
                "band": round(mean(bands), 4) if bands else None,
            }
            print(f"{name:10} {quality:9} {label:14} {score}  {facts}", flush=True)
            rows.append({"set": name, "quality": quality, "stages": label, **score._asdict(), **facts})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, nargs="?", default=Path(__file__).parents[1] / "../shared/data")
    parser.add_argument("--quick", action="store_true", help="12 frames of a clip, 10 stills")
    parser.add_argument("--only", nargs="*", help="of davis, composite, ecssd, matting, alpha")
    parser.add_argument("--json", type=Path, default=Path("out/bench/quality.json"))
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    asked.json.parent.mkdir(parents=True, exist_ok=True)
    there = [name for name in ("davis", "composite", *STILLS) if (asked.data / name).is_dir()]
    for name in {"davis", "composite", *STILLS} - set(there):
        print(f"{name}: left out, there is no {name} in the data")
    predictors = {quality: engine(quality) for quality in QUALITIES} if there else {}
    predictors["following"] = engine("balanced", following=True)
    rows: list[dict[str, object]] = []
    for name in asked.only or there:
        if name in STILLS:
            rows += of_stills(name, asked.data / name, 10 if asked.quick else 1000, predictors)
        else:
            rows += of_clips(name, clips(asked.data / name, 12 if asked.quick else 1000), predictors, asked.json.parent)
    asked.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
