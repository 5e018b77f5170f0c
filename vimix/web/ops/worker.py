"""A worker as an operator sees it: its log, its health on a port of its own, its weights before they are asked for."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.applications import Starlette

from vimix.errors import StoreError
from vimix.jobs.backends import open_jobs
from vimix.jobs.service import JobService
from vimix.jobs.worker.serve import serve
from vimix.settings import Settings, misspelt
from vimix.web.listener import Server, bound
from vimix.web.ops import health, json_logging, prefetch

log = logging.getLogger(__name__)


def work(settings: Settings, *, max_age: float) -> int:
    """`python -m vimix worker`. Raises `UsageError` naming a port that is taken, `StoreError` naming REDIS_URL."""
    json_logging.configure(settings)
    for sentence in misspelt(os.environ):
        log.warning("%s", sentence)
    _reachable(settings)
    port = bound(settings.host, settings.health_port, name="VIMIX_HEALTH_PORT") if settings.health_port else None

    @contextmanager
    def beside(service: JobService) -> Iterator[None]:
        prefetch.begin(settings, slots=len(service.pool.slots))
        if port is None:
            yield
            return
        server = Server(Starlette(routes=health.routes(service, settings)), port)
        server.begin()
        try:
            yield
        finally:
            server.close()

    return serve(settings, max_age=max_age, beside=beside)


def _reachable(settings: Settings) -> None:
    jobs = open_jobs(settings)
    try:
        jobs.counts(now=0.0)
    except StoreError as error:
        if settings.redis_url.get_secret_value():
            raise StoreError(f"What REDIS_URL names cannot be used: {error.public}", cause=error.cause) from error
        raise
    finally:
        jobs.close()
