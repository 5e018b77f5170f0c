"""The page to read first: a clip is cut out by pulling frames from a source through stages into a sink.

`cut_out` is that loop and nothing else. `run` is what everybody calls: it opens the clip, chooses an engine, makes the
matte, finishes and encodes it, and describes the result. Both are generators: their events are the progress, closing
them is cancelling, and throwing `FinishEarly` into them makes a complete file of what is done so far.
"""

import tempfile
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from time import monotonic

import cv2

from vimix.events import Done, FinishEarly, Note, Progress, Result
from vimix.frame import Frame, Frames, Stage, chained
from vimix.matting import matte_file
from vimix.matting.video import corrections
from vimix.media.decode import Source
from vimix.options import Options
from vimix.pipeline import fit, plan, report
from vimix.pipeline.request import Plan, Request, Resources, open_request
from vimix.sinks import Sink, TooManyBytes

cv2.setNumThreads(1)  # the pipeline's own threads keep every core busy; OpenCV's would only get in their way


def cut_out(
    source: Source, stages: Sequence[Stage], sink: Sink, *, step: str = "cut"
) -> Generator[Progress | Result, None, None]:
    """Drive every frame of `source` through `stages` into `sink`.

    Yields a `Progress` after each frame and last a `Result`. Closing this generator cancels the work: stages end last
    to first, then the sink throws its unfinished file away.
    """
    done, read = 0, 0

    def counted(frames: Iterable[Frame]) -> Frames:
        nonlocal read
        for frame in frames:
            read += 1
            yield frame

    # the sink leaves last: it renames on success and deletes on error
    with sink, closing(source.frames()) as decoded, closing(chained([counted, *stages])(decoded)) as frames:
        try:
            for done, frame in enumerate(frames, 1):
                sink.write(frame)
                yield Progress(done, source.info.frames, frame, step, read)
        except FinishEarly:
            if not done:
                raise
    yield Result(sink.path, done)


def run(
    clip: Path, out: Path, options: Options, resources: Resources, *, matte: Path | None = None
) -> Generator[Note | Progress | Done, None, None]:
    """Cut out `clip` into `out`.

    A `matte` that exists is played back and costs no inference; one that does not is kept there for the next time.
    Raises the errors of `vimix.errors`; whatever happens, no half-written file is left.
    """
    began = monotonic()
    with tempfile.TemporaryDirectory(prefix="vimix-") as aside:
        known = matte is not None and matte.exists()
        request = open_request(clip, options, resources, matte_file.about(matte) if matte and known else None)
        kept = matte or (Path(aside) / "matte" if request.needs_whole_matte else None)
        chosen = yield from plan.choose(request, kept)
        if kept and request.needs_whole_matte and not known:
            yield from _progress(cut_out(request.source, chosen.stages, plan.Nowhere(out)))
            if not kept.exists():
                raise FinishEarly
            chosen = yield from plan.play_back(request, kept, watched=False)
        if kept and request.corrections:
            kept = yield from _correct(request, chosen, kept, Path(aside) / "corrected")
            chosen = yield from plan.play_back(request, kept, watched=False)
        frames = yield from _encode(request, chosen, kept, out)
    cached = "matte" if known else None
    yield Done(out, report.describe(request, chosen, out, frames=frames, seconds=monotonic() - began, cached=cached))


def _correct(request: Request, chosen: Plan, matte: Path, out: Path) -> Generator[Note | Progress, None, Path]:
    """A stored matte with the request's corrections, from one without."""
    yield Note("Applying your corrections.")
    with closing(request.source.frames()) as decoded, closing(chained(chosen.stages)(decoded)) as frames:
        found = corrections.regions(frames, request.corrections)
    stages = [*chosen.stages, corrections.apply(found), matte_file.store(out, matte_file.about(matte))]
    yield from _progress(cut_out(request.source, stages, plan.Nowhere(out), step="correct"))
    return out


def _encode(request: Request, chosen: Plan, matte: Path | None, out: Path) -> Generator[Progress, None, int]:
    """Finish and encode, as often as it takes to fit; returns the number of frames."""
    box, info = plan.subject(request, matte), request.source.info
    if request.target is None:
        attempt = fit.Try(request.options.encode_quality, request.max_fps, request.options.width)
        stages = plan.encoded(request, chosen, box, attempt)
        return (yield from _progress(cut_out(request.source, stages, plan.sink(request, out))))
    if box is not None:
        info = replace(info, width=box.width, height=box.height)
    search = fit.search(request.target, info, request.options)
    attempt, frames = next(search), 0
    while True:
        stages = plan.encoded(request, chosen, box, attempt)
        sink = plan.sink(request, out, quality=attempt.quality, max_bytes=request.target.max_bytes)
        tried, over = yield from _within_bytes(cut_out(request.source, stages, sink, step="fit"), request, attempt.fps)
        frames = frames if over else tried  # one that is too large leaves the last that fitted in its place
        try:
            attempt = search.send(over or out.stat().st_size)
        except StopIteration:
            return frames


def _within_bytes(
    events: Generator[Progress | Result, None, None], request: Request, fps: float | None
) -> Generator[Progress, None, tuple[int, float | None]]:
    """The number of frames, and how many times the limit the file would have had, if that ended it."""
    info, done = request.source.info, 1
    expected = info.frames if fps is None else fps * float(info.seconds or 0)
    with closing(events):
        try:
            for event in events:
                if isinstance(event, Progress):
                    done = event.done
                    yield event
        except TooManyBytes as many:
            return done, max(1.01, many.over * (expected or 2 * done) / done)
    return done, None


def _progress(events: Generator[Progress | Result, None, None]) -> Generator[Progress, None, int]:
    """Pass progress on; the number of frames at the end."""
    with closing(events):
        event = next(events)
        while isinstance(event, Progress):
            try:
                yield event
            except FinishEarly as early:  # a for loop would close `events` instead of passing this on
                event = events.throw(early)
            else:
                event = next(events)
        return event.frames
