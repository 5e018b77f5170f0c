"""Histograms of finished jobs, kept as counters in the job store: they are counted in the transaction that ends a job,
so that showing them reads no ended job again, and a restart or a second web process changes nothing.
"""

import math
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_SECONDS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0)
_RATES = (0.3, 1.0, 3.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0)
BOUNDS = {"stage_seconds": _SECONDS, "frames_per_second": _RATES}
"""Upper bounds of the buckets of each histogram: about a factor of three apart, which tells a slow stage from a quick
one at ten counters a label. Changing one leaves counters of the former bound behind; they are still summed up."""
GPU = ("batches", "pictures", "seconds")
"""What a card says of the work on a GPU."""
_LABEL_LENGTH = 40
"""Characters of a stage's or model's name, so that a card cannot make counters without bound."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """One histogram under one label."""

    name: str
    """A key of `BOUNDS`."""
    label: str
    """The stage or the model."""
    buckets: tuple[tuple[float, int], ...]
    """Upper bound (the last is infinite) and how many values lie at or below it, ascending."""
    sum: float


def increments(card: Mapping[str, Any] | None) -> dict[str, float]:
    """By how much a finished job's card moves which counter; nothing where an earlier job's result was given out."""
    if not card or card.get("cached") == "result":
        return {}
    timings = card.get("timings")
    values = [("stage_seconds", stage, seconds) for stage, seconds in (timings or {}).items()]
    values.append(("frames_per_second", str(card.get("model")), card.get("frames_per_second")))
    found: dict[str, float] = {}
    for name, label, value in values:
        if not isinstance(value, int | float) or not math.isfinite(value):
            continue
        bounds, label = BOUNDS[name], label.replace("|", " ")[:_LABEL_LENGTH]
        at = bisect_left(bounds, value)
        found[f"{name}|{label}|{bounds[at] if at < len(bounds) else math.inf}"] = 1
        found[f"{name}|{label}|sum"] = value
    for part, spent in (card.get("gpu") or {}).items():
        if part in GPU and isinstance(spent, int | float) and math.isfinite(spent):
            found[f"gpu|{part}|sum"] = spent
    return found


def on_gpu(counters: Mapping[str, float]) -> dict[str, float]:
    """Sums over all finished jobs, by the names of `GPU`."""
    return {part: counters.get(f"gpu|{part}|sum", 0.0) for part in GPU}


def distributions(counters: Mapping[str, float]) -> Iterator[Distribution]:
    """The histograms that those counters are, by name and label."""
    found: dict[tuple[str, str], dict[str, float]] = {}
    for counter, value in sorted(counters.items()):
        name, label, part = counter.split("|")
        if name in BOUNDS:
            found.setdefault((name, label), {})[part] = value
    for (name, label), parts in found.items():
        total, total_sum, buckets = 0, parts.pop("sum", 0.0), []
        counted = sorted((float(bound), round(value)) for bound, value in parts.items())
        for bound in (*BOUNDS[name], math.inf):
            total = sum(number for at, number in counted if at <= bound)
            buckets.append((bound, total))
        yield Distribution(name, label, tuple(buckets), total_sum)
