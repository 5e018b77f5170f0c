"""What log and spans say of a job: that it started, and how it ended. Its number and figures, never its file's name."""

import logging
import time

from vimix.events import Card
from vimix.jobs import spans
from vimix.jobs.model import Job

log = logging.getLogger(__name__)


def started(job: Job) -> None:
    """A worker took it."""
    log.info("job %s: started, attempt %d, %.1f s after it came", job.id, job.attempts, time.time() - job.created)


def done(job: Job, card: Card, seconds: float) -> None:
    """Its file is made."""
    made = card.get("output") or {}
    what = f"{card.get('model')}, {made.get('frames')} frames, {made.get('bytes')} bytes of {made.get('format')}"
    log.info("job %s: done in %.1f s: %s", job.id, seconds, what)
    stages = {f"seconds.{stage}": spent for stage, spent in (card.get("timings") or {}).items()}
    figures = {name: made.get(name) for name in ("frames", "bytes", "format")}
    spans.attempt(job, "done", attributes={"model": card.get("model"), **figures, **stages})


def lost(job: Job, why: str, cause: str) -> None:
    """An attempt failed, or its worker is gone."""
    log.warning("job %s: attempt %d lost: %s [%s]", job.id, job.attempts, why, cause)
    spans.attempt(job, why, failed=True)


def handed_back(job: Job, seconds: float) -> None:
    """The process ends; the job waits again."""
    log.info("job %s: handed back after %.1f s", job.id, seconds)
    spans.attempt(job, "handed back")
