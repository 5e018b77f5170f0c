"""Networks as an engine: every frame by itself for light ones, otherwise the subject is tracked through the clip."""

from collections.abc import Generator, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np

from vimix.concurrency.threads import cores, interruptible
from vimix.events import Note, Progress
from vimix.frame import Frame, Pixels
from vimix.matting.engine import Engine, EngineRequest, Matting, Memo, Predict, Preparing, Runtime
from vimix.matting.image import cut_each, with_augmentation
from vimix.matting.networks.catalogue import Model
from vimix.matting.networks.network import Network, open_network, remembered_choice
from vimix.matting.video.tracker import POLICIES, KeyframePolicy, track_subject


class Networks(Engine):
    """The networks of the catalogue."""

    def prepare(self, model: Model, request: EngineRequest) -> Preparing:
        """As `Engine.prepare`."""
        follows = bool(request.points) or not (request.still or not model.tracked)
        network = yield from open_network(
            model,
            quality="balanced" if follows else request.quality,  # larger or smaller boxes are followed worse
            model_dir=request.model_dir,
            mirrors=request.mirrors,
            device=request.device,
            sharing=max(1, cores() // request.threads),
        )
        return (yield from matting_of(network, model, request, follows=follows))

    def fetch(self, model: Model, model_dir: Path, mirrors: Sequence[str]) -> Generator[Note, None, None]:
        """As `Engine.fetch`."""
        from vimix.matting.networks import weights

        yield from weights.fetch(model, model_dir, mirrors)

    def remembered(self, model: Model, model_dir: Path) -> Runtime | None:
        """As `Engine.remembered`."""
        return remembered_choice(model, model_dir)


def matting_of(network: Network, model: Model, request: EngineRequest, *, follows: bool) -> Preparing:
    """What an opened network makes of a clip: tracking where `follows`, else every frame by itself.

    Tracking reads many frames before the first is done, so the first frame is yielded as it is found by itself.
    """
    if not follows:
        refines = request.still and model.augmented and request.quality != "fast"
        predict = with_augmentation(network.predict) if refines else network.predict
        stage = cut_each(predict, workers=network.parallel)
        return Matting(network.name, stage, predict, network.runtime, network.cost)
    policy = POLICIES[request.quality]
    predict = _memoized(network.predict_fast, model.name, {} if request.memo is None else request.memo)
    (first,) = request.first_frames(1)
    seen = predict(first.rgb)
    yield Progress(0, request.frames, replace(first, alpha=seen))

    def predict_again(rgb: Pixels) -> Pixels:
        """The first frame is asked for once more; keeping every prediction of a clip would fill memory."""
        return seen if np.array_equal(rgb, first.rgb) else network.predict_fast(rgb)

    stage = interruptible(
        partial(track_subject, policy=policy, points=request.points, start=request.start, threads=request.threads),
        predict_again,
    )
    single = _single(predict, policy, request)
    return Matting(network.name, stage, single, network.runtime, network.cost / policy.max_interval)


def _single(predict: Predict, policy: KeyframePolicy, request: EngineRequest) -> Predict:
    """One frame as tracking sees it; the points choose the subject whatever their own time."""
    if not request.points:
        return predict
    points = [point.model_copy(update={"time": 0.0}) for point in request.points]

    def single(rgb: Pixels) -> Pixels:
        frame = Frame(rgb, np.broadcast_to(np.uint8(255), rgb.shape[:2]), Fraction(0), Fraction(1, 25))
        (found,) = track_subject(predict, policy=policy, points=points)([frame])
        return found.alpha

    return single


def _memoized(predict: Predict, name: str, memo: Memo) -> Predict:
    def remembering(rgb: Pixels) -> Pixels:
        key = (name, rgb.shape, rgb.tobytes())
        if key not in memo:
            memo[key] = predict(rgb)
        return memo[key]

    return remembering
