"""What is done to a clip, as lists that read like a table of contents.

    guard -> engine, or replay -> [closed form] -> steady -> keep                           the matte
    [invert] -> clean edges -> [crop, resize, pad] -> [shadow, stroke] -> [a background]    finishing

The first line makes the matte, at the working size. The second needs only the clip and that matte, so it is done again
for another format, size or background without a network.
"""

from collections.abc import Generator
from contextlib import closing
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from vimix.background import BackgroundFile, Transparent
from vimix.concurrency.threads import interruptible
from vimix.errors import Refused
from vimix.events import Note, Progress
from vimix.frame import Frame, Pixels, Stage
from vimix.matting import matte_file, registry
from vimix.matting.chroma_key import find_key, key_out
from vimix.matting.image import cut_each
from vimix.matting.video.tracker import PACES, follow
from vimix.media.decode import Source, open_source
from vimix.media.limits import guard
from vimix.pipeline import fit
from vimix.pipeline.request import Cut, Request
from vimix.refine.background import over
from vimix.refine.foreground import clean_edges, recolour
from vimix.refine.frame_rate import thin
from vimix.refine.geometry import Box, crop_to, invert, pad_to, resize, rim, shadow, stroke, subject_box
from vimix.refine.temporal import steady
from vimix.sinks import AudioFrom, Encoding, Sink, open_sink

FIRST_LOOK = 3
"""Frames looked at to tell what kind of clip it is."""
PER_FRAME = ("portrait",)
"""Networks so light that looking at every frame is cheaper than following."""


def choose(request: Request, matte: Path | None) -> Generator[Note | Progress, None, Cut]:
    """Play back `matte` if it is there; else key or look, as the options and the clip's first frames say.

    Following looks at many frames before one is done: the first is shown as it is found, for something to be seen soon.
    """
    if matte is not None and matte.exists():
        return replayed(request, matte, watched=True)
    options = request.options
    name = options.model
    if name == "auto":
        name = registry.DEFAULT if options.point else registry.pick(_first(request.source), options.quality)
    look, cut = _key(request) if name == "chroma" else (yield from _network(request, name))
    about = {"model": cut.model, "engine": dict(cut.engine), "fps": options.max_fps}
    stages = [guard(request.resources.limits), look]
    if options.refine == "matting":
        from vimix.refine.closed_form import COST, closed_form  # compiles for seconds: only for who asked for it

        request.warnings.append(COST)
        stages.append(request.clock.timed("matting", closed_form(workers=request.resources.threads)))
    stages.append(request.watch.stage("before"))
    if options.steady and not request.source.info.still:
        stages.append(request.clock.timed("steady", steady(options.steady)))
    if matte is not None:
        stages.append(request.clock.timed("keep", matte_file.keep(matte, about)))
    return Cut(cut.model, cut.engine, [*stages, request.watch.stage("after")], cut.unmix)


def replayed(request: Request, matte: Path, *, watched: bool) -> Cut:
    """The cut that a stored matte remembers; `watched` where this run has not seen it yet."""
    about = matte_file.about(matte)
    key = find_key(_first(request.source)) if about["model"] == "chroma" else None
    stages = [guard(request.resources.limits), request.clock.timed("replay", matte_file.replay(matte))]
    stages += [request.watch.stage("after")] if watched else []
    return Cut(about["model"], about["engine"], stages, key.unmix if key else None)


def finishing(request: Request, cut: Cut, box: Box | None, way: fit.Try) -> list[Stage]:
    """From the clip and its matte to the frames that are encoded: the part in `box`, as large and as often as `way`."""
    options, timed, threads = request.options, request.clock.timed, request.resources.threads
    stages: list[Stage] = [] if way.fps is None and way.seconds is None else [thin(way.fps, way.seconds)]
    if options.invert:
        stages.append(invert())
    if cut.unmix and not options.invert:
        stages.append(timed("edges", recolour(cut.unmix, threads=threads)))
    elif options.refine != "off":
        stages.append(timed("edges", clean_edges(threads=threads)))
    if box is not None:
        stages.append(crop_to(box))
    canvas = request.target.canvas if request.target else None
    grow = box is not None and canvas is None
    if way.width is not None:
        room = 2 * rim(options.stroke, options.shadow) if grow else 0
        stages.append(timed("resize", resize(max(2, way.width - room))))
    if canvas:
        stages.append(timed("resize", pad_to(*canvas, room=options.stroke + options.shadow)))
    if options.stroke:
        stages.append(timed("finish", stroke(options.stroke, grow=grow)))
    if options.shadow:
        stages.append(timed("finish", shadow(options.shadow, grow=grow)))
    if not isinstance(options.background, Transparent):
        stages.append(timed("background", _background(request)))
    return stages


def subject(request: Request, matte: Path | None) -> Box | None:
    """The box that is cropped to, if that was asked for and there is something in the matte."""
    if request.options.crop != "subject" or matte is None:
        return None
    info = request.source.info
    with closing(matte_file.cuts(matte)) as cuts:
        box = subject_box((cut.alpha for cut in cuts), info.width, info.height)
    if box is None:
        request.warnings.append("Nothing was found to crop to.")
    return box


def sink(request: Request, path: Path, **changes: Any) -> Sink:
    """Where the finished frames go; `changes` are fields of `Encoding`."""
    options, source = request.options, request.source
    span = AudioFrom(request.clip, source.offset + source.start, source.offset + source.end)
    encoding = Encoding(
        quality=options.encode_quality,
        lossless=options.lossless,
        fps=source.info.fps,
        audio=span if source.info.audio and (request.target is None or request.target.audio) else None,
        threads=request.resources.threads,
        loops=request.target.loops if request.target else 0,
    )
    return open_sink(options.format, path, replace(encoding, **changes))


class Nowhere:
    """A sink for frames whose matte alone is wanted."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def write(self, frame: Frame) -> None:
        """Let it go."""


def _first(source: Source, many: int = FIRST_LOOK) -> list[Frame]:
    with closing(source.frames()) as frames:
        return list(islice(frames, many))


def _key(request: Request) -> tuple[Stage, Cut]:
    key = find_key(_first(request.source))
    if key is None:
        raise Refused("There is no screen of one colour around this picture: choose another model than chroma.")
    look = request.clock.timed("key", cut_each(key_out(key), workers=request.resources.threads))
    about = {"runtime": "OpenCV", "device": "cpu", "precision": "8 bit", "why": "keyed by colour: no network is needed"}
    return look, Cut("chroma", about, (), key.unmix)


def _network(request: Request, name: str) -> Generator[Note | Progress, None, tuple[Stage, Cut]]:
    options, resources = request.options, request.resources
    still = request.source.info.still
    follows = bool(options.point) or not (still or name in PER_FRAME)
    engine = yield from registry.open_engine(
        name,
        quality="balanced" if follows else options.quality,  # larger or smaller boxes are followed worse
        model_dir=resources.model_dir,
        mirrors=resources.mirrors,
        device=resources.device,
    )
    if follows:
        (first,) = _first(request.source, 1)
        seen = engine.glance(first.rgb)
        yield Progress(0, request.source.info.frames, replace(first, alpha=seen))

        def glance(rgb: Pixels) -> Pixels:
            return seen if np.array_equal(rgb, first.rgb) else engine.glance(rgb)

        how = partial(follow, pace=PACES[options.quality], points=options.points, start=options.start)
        stage = interruptible(how, glance)
    else:
        look = engine.still(options.quality) if still else engine.look
        stage = cut_each(look, workers=engine.parallel)
    about = {name: getattr(engine, name) for name in ("runtime", "device", "precision", "why")}
    return request.clock.timed("network", stage), Cut(engine.name, about, ())


def _background(request: Request) -> Stage:
    background = request.options.background
    if isinstance(background, BackgroundFile):
        return over(open_source(Path(background.name), limits=request.resources.limits).frames)
    return over(str(background))
