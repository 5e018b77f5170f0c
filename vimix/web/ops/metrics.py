"""What Prometheus is told. Jobs are counted by the job store, so that a restart forgets nothing.

With several web processes on one Redis each tells the same of the jobs: take `max`, not `sum`, over them.
"""

import math
from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from vimix.jobs.service import JobService
from vimix.jobs.statistics import distributions, on_gpu
from vimix.stores import FAILURES

REGISTRY = CollectorRegistry()
REFUSED = Counter("vimix_refused", "Requests turned away, by what they ran into.", ["reason"], registry=REGISTRY)


class JobFigures(Collector):
    """How it stands with the jobs of one service."""

    def __init__(self, service: JobService) -> None:
        self._service = service

    def collect(self) -> Iterable[Metric]:
        """All families, made anew from the job store's counters: no ended job is read."""
        counts, store = self._service.counts(), self._service.jobs
        jobs = GaugeMetricFamily("vimix_jobs", "Jobs by state; ended ones while they are known.", labels=["state"])
        for state, number in store.by_state().items():
            jobs.add_metric([state], number)
        yield jobs
        yield GaugeMetricFamily("vimix_slots", "Jobs that can run at once.", value=counts.slots)
        yield GaugeMetricFamily("vimix_queue_age_seconds", "Age of the oldest waiting job.", value=counts.oldest)
        yield GaugeMetricFamily("vimix_job_pace_seconds", "Mean seconds of the last jobs.", value=counts.mean_seconds)
        failures = CounterMetricFamily("vimix_store_errors", "Failures of the file store.", labels=["doing"])
        for doing, times in dict(FAILURES).items():
            failures.add_metric([doing], times)
        yield failures
        stages = HistogramMetricFamily("vimix_stage_seconds", "Seconds a job spent in a stage.", labels=["stage"])
        rates = HistogramMetricFamily("vimix_frames_per_second", "Frames a second of finished jobs.", labels=["model"])
        families = {"stage_seconds": stages, "frames_per_second": rates}
        for found in distributions(store.counters()):
            buckets = [("+Inf" if bound == math.inf else str(bound), number) for bound, number in found.buckets]
            families[found.name].add_metric([found.label], buckets, found.sum)
        yield from families.values()
        spent = on_gpu(store.counters())
        yield CounterMetricFamily("vimix_gpu_batches", "Batches that GPUs ran for finished jobs.", spent["batches"])
        yield CounterMetricFamily("vimix_gpu_pictures", "Pictures in those batches.", spent["pictures"])
        yield CounterMetricFamily("vimix_gpu_seconds", "Seconds in which GPUs ran those batches.", spent["seconds"])
        mean = spent["pictures"] / spent["batches"] if spent["batches"] else 0.0
        yield GaugeMetricFamily("vimix_gpu_batch_size", "Mean number of pictures in a batch.", value=mean)


def writer(service: JobService) -> Callable[[], bytes]:
    """Writes all figures in Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(JobFigures(service))
    return lambda: generate_latest(REGISTRY) + generate_latest(registry)
