"""A worker as an operator sees it: its log, its health on a port of its own, its weights before they are asked for."""

import logging
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager

from starlette.applications import Starlette

from vimix.jobs.backends import check_reachable, open_jobs
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
    with closing(open_jobs(settings)) as jobs:
        check_reachable(jobs, settings)
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
