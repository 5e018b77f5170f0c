"""What Prometheus is told. Jobs are counted from the job store, so that a restart forgets nothing: those
that wait and run at each scrape, those that ended once a minute.

With several web processes on one Redis each tells the same of the jobs: take `max`, not `sum`, over them.
"""

import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from vimix.jobs.model import State
from vimix.jobs.service import JobService
from vimix.stores import FAILURES

REGISTRY = CollectorRegistry()
REFUSED = Counter("vimix_refused", "Requests turned away, by what they ran into.", ["reason"], registry=REGISTRY)
LOOK_BACK_EVERY = 60.0


class JobFigures(Collector):
    """How it stands with the jobs of one service."""

    def __init__(self, service: JobService) -> None:
        self._desk = service
        self._seen: set[str] = set()
        """Finished jobs that are in the histograms."""
        self._ended: dict[str, int] = {}
        self._looked = -math.inf
        self._lock = threading.Lock()
        own = CollectorRegistry()
        seconds = (0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000, 3000)
        self._stage = Histogram(
            "vimix_stage_seconds", "Seconds a job spent in a stage.", ["stage"], buckets=seconds, registry=own
        )
        rates = (0.3, 1, 3, 5, 10, 20, 30, 60, 120, 300)
        self._rate = Histogram(
            "vimix_frames_per_second", "Frames a second of finished jobs.", ["model"], buckets=rates, registry=own
        )

    def collect(self) -> Iterable[Metric]:
        """All families, made anew."""
        counts = self._desk.counts()
        with self._lock:
            self._look_back()
        jobs = GaugeMetricFamily("vimix_jobs", "Jobs by state; ended ones while they are known.", labels=["state"])
        for state, number in {"queued": counts.queued, "running": counts.running}.items():
            jobs.add_metric([state], number)
        for name, number in self._ended.items():
            jobs.add_metric([name], number)
        yield jobs
        yield GaugeMetricFamily("vimix_slots", "Jobs that can run at once.", value=counts.slots)
        yield GaugeMetricFamily("vimix_queue_age_seconds", "Age of the oldest waiting job.", value=counts.oldest)
        yield GaugeMetricFamily("vimix_job_pace_seconds", "Mean seconds of the last jobs.", value=counts.pace)
        failures = CounterMetricFamily("vimix_store_errors", "Failures of the file store.", labels=["doing"])
        for doing, times in dict(FAILURES).items():
            failures.add_metric([doing], times)
        yield failures
        with self._lock:
            for figure in (self._stage, self._rate):
                yield from figure.collect()

    def _look_back(self) -> None:
        """At all that ended, which are a day's jobs: once a minute is enough."""
        if time.monotonic() - self._looked < LOOK_BACK_EVERY:
            return
        known = set()
        for state in (State.DONE, State.FAILED, State.CANCELLED, State.EXPIRED):
            found = self._desk.jobs.listed(state)
            self._ended[str(state)] = len(found)
            for job in found if state is State.DONE else ():
                known.add(job.id)
                if job.id not in self._seen and job.card is not None and job.card.get("cached") != "result":
                    self._add(job.card)
        self._seen = known
        self._looked = time.monotonic()

    def _add(self, card: Mapping[str, object]) -> None:
        timings, model = card.get("timings"), str(card.get("model"))[:40]
        for stage, seconds in timings.items() if isinstance(timings, Mapping) else ():
            self._stage.labels(str(stage)[:40]).observe(float(seconds))
        if isinstance(rate := card.get("frames_per_second"), int | float):
            self._rate.labels(model).observe(rate)


def writer(service: JobService) -> Callable[[], bytes]:
    """Writes all figures in Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(JobFigures(service))
    return lambda: generate_latest(REGISTRY) + generate_latest(registry)
