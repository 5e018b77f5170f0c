"""A second worker doubles the throughput, and a soak leaves nothing behind. `python -m bench.scale` does it longer."""

import asyncio
import sys

import pytest

from bench.scale import soak, throughput
from tests.jobs.deployment import Place


def test_a_second_worker_doubles_the_throughput(place: Place) -> None:
    for attempt in range(3):  # the best of three: what else the machine does can only make it less
        found = asyncio.run(throughput(place, 10, each=0.5 + attempt / 1000))  # other clips, so none is done already
        print(f"ten jobs: {found['one_worker_s']:.1f} s and {found['two_workers_s']:.1f} s, ratio {found['ratio']:.2f}")
        if found["ratio"] > 1.6:
            return
        place.end()
    assert found["ratio"] > 1.6


@pytest.mark.skipif(sys.platform != "linux", reason="processes and descriptors are counted in /proc")
def test_a_soak_leaves_nothing_behind(place: Place) -> None:
    found = asyncio.run(soak(place, 8))
    before, after = found["before"], found["after"]
    assert found["done"] > 10
    assert found["cancelled"] > 0
    assert after["processes"] == before["processes"] == 2
    assert after["files"] <= before["files"]
    for name, slack in (("descriptors", 6), ("child_descriptors", 2), ("threads", 4), ("memory_mb", 30)):
        assert after[name] <= before[name] + slack, (name, found)
