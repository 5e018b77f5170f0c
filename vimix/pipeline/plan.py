"""What is done to a clip, as lists that read like a table of contents.

    guard -> engine, or stored matte -> [closed form] -> smooth -> store                          the matte
    [invert] -> clean edges -> [crop, resize, pad] -> [shadow, stroke] -> [a background]    finishing

The first line makes the matte, at the working size. The second needs only the clip and that matte, so it is done again
for another format, size or background without a network.
"""

from collections.abc import Generator, Iterable
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from vimix.background import BackgroundFile, Transparent
from vimix.events import Note, Progress
from vimix.frame import Frame, Stage
from vimix.matting import matte_file, registry
from vimix.matting.engine import EngineRequest, Matting
from vimix.media.decode import open_source
from vimix.media.limits import guard
from vimix.media.timing import limit_fps
from vimix.pipeline import fit
from vimix.pipeline.request import Plan, Request
from vimix.pipeline.timings import passed_on
from vimix.refine.aspect import Window, crop_along, window
from vimix.refine.background import over
from vimix.refine.foreground import clean_edges, recolour
from vimix.refine.geometry import Box, crop_to, invert, outline_margin, pad_to, resize, shadow, stroke, subject_box
from vimix.refine.ping_pong import ping_pong
from vimix.refine.temporal import smooth
from vimix.sinks import AudioFrom, Encoding, Sink, open_sink


def choose(request: Request, matte: Path | None) -> Generator[Note | Progress, None, Plan]:
    """Play back `matte` if it exists; else prepare the engine that the options name, and store its matte there."""
    if matte is not None and matte.exists():
        return (yield from play_back(request, matte, watched=True))
    options = request.options
    matting = yield from registry.prepare(options.model, _engine_request(request))
    chosen = Plan(matting.model, matting.runtime.as_dict(), [*_made(request, matting)], matting.decontaminate)
    stages = [*chosen.stages, request.watch.stage("before")]
    if options.refine == "matting":
        from vimix.refine.closed_form import COST, closed_form  # compiles for seconds: only for who asked for it

        request.warnings.append(COST)
        stages.insert(-1, request.clock.timed("matting", closed_form(workers=request.resources.threads)))
    if options.steady and not request.source.info.still:
        stages.append(request.clock.timed("smoothing", smooth(options.steady, threads=request.resources.threads)))
    if matte is not None:
        about = {"model": chosen.model, "engine": dict(chosen.engine), "fps": options.max_fps}
        stages.append(request.clock.timed("storing", matte_file.store(matte, about)))
    return replace(chosen, stages=[*stages, request.watch.stage("after")])


def play_back(request: Request, matte: Path, *, watched: bool) -> Generator[Note | Progress, None, Plan]:
    """A plan that plays a stored matte back; `watched` where this run has not measured its quality yet."""
    matting = yield from registry.play_back(replace(_engine_request(request), stored=matte))
    stages = [*_made(request, matting), *([request.watch.stage("after")] if watched else [])]
    return Plan(matting.model, matting.runtime.as_dict(), stages, matting.decontaminate)


def encoded(request: Request, chosen: Plan, box: Box | Window | None, attempt: fit.Try) -> list[Stage]:
    """From decoded frames to those that are encoded: the part in `box`, as large and as often as `attempt`."""
    matted = [invert(chosen.stages)] if request.options.invert else chosen.stages
    return [*matted, *finishing(request, chosen, box, attempt)]


def finishing(request: Request, chosen: Plan, box: Box | Window | None, attempt: fit.Try) -> list[Stage]:
    """From the clip and its matte to the frames that are encoded: the part in `box`, as large and as often as `way`."""
    options, timed, threads = request.options, request.clock.timed, request.resources.threads
    stages: list[Stage] = (
        [] if attempt.fps is None and attempt.seconds is None else [limit_fps(attempt.fps, attempt.seconds)]
    )
    if chosen.decontaminate and not options.invert:
        stages.append(timed("edges", recolour(chosen.decontaminate, threads=threads)))
    elif options.refine != "off":
        stages.append(timed("edges", clean_edges(threads=threads)))
    if box is not None:
        stages.append(crop_along(box) if isinstance(box, Window) else crop_to(box))
    canvas = request.target.canvas if request.target else None
    grow = isinstance(box, Box) and canvas is None
    if attempt.width is not None:
        room = 2 * outline_margin(options.stroke, options.shadow) if grow else 0
        stages.append(timed("resizing", resize(max(2, attempt.width - room))))
    if canvas:
        stages.append(timed("resizing", pad_to(*canvas, room=options.stroke + options.shadow)))
    if options.stroke:
        stages.append(timed("finishing", stroke(options.stroke, grow=grow)))
    if options.shadow:
        stages.append(timed("finishing", shadow(options.shadow, grow=grow)))
    if not isinstance(options.background, Transparent):
        stages.append(timed("background", _background(request)))
    if options.loop == "ping-pong" and not request.source.info.still:
        stages.append(timed("finishing", ping_pong()))
    return [*stages, timed("finishing", passed_on)]


def subject(request: Request, matte: Path | None) -> Box | Window | None:
    """What is cropped to, if that was asked for and there is something in the matte."""
    if request.crop == "none" or matte is None:
        return None
    info = request.source.info
    box: Box | Window | None
    with closing(matte_file.stored_alphas(matte)) as stored:
        if request.crop == "subject":
            box = subject_box((chosen.alpha for chosen in stored), info.width, info.height)
        else:
            shape = Fraction(request.crop.replace(":", "/"))
            box = window(((chosen.time, chosen.alpha) for chosen in stored), info.width, info.height, shape)
    if box is None and request.options.crop != "auto":
        request.warnings.append("No subject was found to crop to.")
    return box


def sink(request: Request, path: Path, **changes: Any) -> Sink:
    """Where the finished frames go; `changes` are fields of `Encoding`."""
    options, source = request.options, request.source
    span = AudioFrom(request.clip, source.offset + source.start, source.offset + source.end)
    with_sound = source.info.audio and (request.target is None or request.target.audio) and options.loop != "ping-pong"
    encoding = Encoding(
        quality=options.encode_quality,
        lossless=options.lossless,
        fps=source.info.fps,
        audio=span if with_sound else None,
        threads=request.resources.threads,
        loops=request.target.loops if request.target else plays(request),
    )
    return open_sink(options.format, path, replace(encoding, **changes))


def plays(request: Request) -> int:
    """How often an animated picture is played, 0 for ever."""
    return request.source.info.plays if request.options.loop == "source" else int(request.options.loop == "once")


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


def _made(request: Request, matting: Matting) -> Iterable[Stage]:
    timed = request.clock.timed
    return timed("decoding", passed_on), guard(request.resources.limits), timed(matting.timing, matting.stage)


def _engine_request(request: Request) -> EngineRequest:
    """What the engine is told of this request."""
    options, resources, info = request.options, request.resources, request.source.info

    def first_frames(count: int) -> list[Frame]:
        with closing(request.source.frames()) as frames:
            return list(islice(frames, count))

    return EngineRequest(
        first_frames=first_frames,
        still=info.still,
        frames=info.frames,
        quality=options.quality,
        points=options.points,
        start=options.start,
        model_dir=resources.model_dir,
        mirrors=resources.mirrors,
        device=resources.device,
        threads=resources.threads,
    )


def _background(request: Request) -> Stage:
    background = request.options.background
    if isinstance(background, BackgroundFile):
        return over(open_source(Path(background.name), limits=request.resources.limits).frames)
    return over(str(background))
