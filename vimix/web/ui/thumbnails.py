"""Single pictures of a clip for the page: asked for here, decoded in a child process (`vimix.jobs.previews`)."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vimix.errors import NotFound
from vimix.jobs.previews import Previews
from vimix.jobs.service import JobService


@contextmanager
def kept_file(service: JobService, key: str) -> Iterator[Path | None]:
    """The store's file under `key`, where it lies or fetched for as long; None where `key` names none."""
    if not key.startswith(("in/", "out/", "matte/")):
        yield None
        return
    if (found := service.files.local_path(key)) is not None:
        yield found
        return
    with tempfile.TemporaryDirectory(prefix="vimix-compare-") as folder:
        service.files.fetch(key, Path(folder) / "file")
        yield Path(folder) / "file"


def compare(service: JobService, previews: Previews, job: str, time: float, visitor: str) -> dict[str, Any]:
    """One moment of a finished job, before and after, `time` seconds into the result. `NotFound`, `Gone`, `Busy`."""
    made, _, _ = service.result(job)
    start = float(made.options.get("start") or 0)
    with kept_file(service, made.input_key) as before, kept_file(service, made.result_key or "") as after:
        if before is None or after is None:
            raise NotFound("There is nothing to compare.")
        files = {"before": str(before.absolute()), "after": str(after.absolute())}
        return previews.ask("compare", visitor, **files, start=start, time=time)


def corrected(
    service: JobService,
    previews: Previews,
    job: str,
    time: float,
    visitor: str,
    *,
    points: Sequence[str],
    paints: Sequence[str],
) -> dict[str, Any]:
    """One frame of a finished job with corrections of it, `time` seconds into the result. `NotFound`, `Gone`, `Busy`,
    `UsageError`."""
    made, _, _ = service.result(job)
    start = float(made.options.get("start") or 0)
    with kept_file(service, made.input_key) as clip, kept_file(service, made.matte_key) as matte:
        if clip is None or matte is None:
            raise NotFound("This clip can no longer be changed. Please send it again.")
        files = {"clip": str(clip.absolute()), "matte": str(matte.absolute())}
        marks = {"points": list(points), "paints": list(paints)}
        return previews.ask("corrected", visitor, **files, start=start, time=time, **marks)
