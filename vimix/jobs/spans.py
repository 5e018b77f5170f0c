"""Spans of jobs for OpenTelemetry: one for each attempt, sent where OTEL_EXPORTER_OTLP_ENDPOINT names a receiver.

The trace has the job's number, so that all attempts at a job are one trace, whichever machines they ran on, and its
log lines are found by it. Without the variable nothing is loaded.
"""

import logging
import os
import time
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

from vimix.jobs.model import Job

log = logging.getLogger(__name__)

_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
_PATIENCE = 2.0
"""Seconds for a request to the receiver. Less loses spans to a slow one; more holds up the end of a worker, which has
10 s, where the receiver is away."""
_MISSING = (
    f"{_ENDPOINT} is set, but no spans are sent: install opentelemetry-sdk and opentelemetry-exporter-otlp-proto-http"
)


def attempt(
    job: Job, outcome: str, *, failed: bool = False, attributes: Mapping[str, Any] = MappingProxyType({})
) -> None:
    """Say that the job's present attempt has ended. Attributes that are None are left out."""
    tracer = _tracer()
    if tracer is None:
        return
    from opentelemetry import trace

    number = int(job.id, 16)
    flags = trace.TraceFlags(trace.TraceFlags.SAMPLED)
    parent = trace.SpanContext(number, number >> 64 or 1, is_remote=True, trace_flags=flags)
    began = job.started or job.created
    known = {
        "vimix.job": job.id,
        "vimix.attempt": job.attempts,
        "vimix.outcome": outcome,
        "vimix.waited_seconds": began - job.created,
        **{f"vimix.{name}": value for name, value in attributes.items() if value is not None},
    }
    span = tracer.start_span(
        "job",
        context=trace.set_span_in_context(trace.NonRecordingSpan(parent)),
        start_time=int(began * 1e9),
        attributes=known,
    )
    if failed:
        span.set_status(trace.Status(trace.StatusCode.ERROR, outcome))
    span.end(end_time=int(time.time() * 1e9))


@cache
def _tracer() -> Any:
    """Sends in the background, and what is left when the process ends; None without a receiver."""
    if not os.environ.get(_ENDPOINT):
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        log.warning("%s", _MISSING)
        return None
    name = os.environ.get("OTEL_SERVICE_NAME", "vimix")
    provider = TracerProvider(resource=Resource.create({"service.name": name}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(timeout=_PATIENCE)))
    return provider.get_tracer("vimix")
