"""The page to read first: a clip is cut out by pulling frames from a source through stages into a sink."""

from collections.abc import Generator, Sequence
from contextlib import ExitStack, closing

from vimix.events import Progress, Result
from vimix.frame import Stage
from vimix.media.source import Source
from vimix.sinks import Sink


def cut_out(source: Source, stages: Sequence[Stage], sink: Sink) -> Generator[Progress | Result, None, None]:
    """Drive every frame of `source` through `stages` into `sink`.

    Yields a `Progress` after each frame and last a `Result`. Closing this generator cancels the work: stages end last
    to first, then the sink throws its unfinished file away. The stack matters: without it an exception that somebody
    holds keeps the generators before it, and so their threads, alive.
    """
    done = 0
    with ExitStack() as open_things:
        open_things.enter_context(sink)  # leaves last: renames on success, deletes on error
        frames = open_things.enter_context(closing(source.frames()))
        for stage in stages:
            frames = open_things.enter_context(closing(stage(frames)))
        for done, frame in enumerate(frames, 1):
            sink.write(frame)
            yield Progress(done, source.info.frames, frame)
    yield Result(sink.path, done)
