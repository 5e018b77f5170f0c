"""What lies between the frames that the network looked at: mattes carried along the motion from both sides."""

from collections.abc import Generator, Sequence
from itertools import pairwise
from typing import NamedTuple

from vimix.engines.motion import Flow, belief, carried, chained, flow
from vimix.engines.windows import Shot


class Gap(NamedTuple):
    """Shots of which the first and the last are looked at; `ways` lead from each of the others to the first."""

    shots: Sequence[Shot]
    ways: Sequence[Flow]


class Stretch(NamedTuple):
    """Shots that come out together, as soon as the gaps are filled: that happens beside the next looks."""

    shots: Sequence[Shot]
    gaps: Sequence[Gap] = ()


def filled(stretch: Stretch) -> Sequence[Shot]:
    """Its shots, each with its alpha."""
    for gap in stretch.gaps:
        _fill(gap)
    return stretch.shots


def _fill(gap: Gap) -> None:
    first, last = gap.shots[0], gap.shots[-1]
    assert first.alpha is not None
    assert last.alpha is not None
    for at, (here, onward) in enumerate(ways_to_first(gap.shots[:0:-1]), 2):
        back = gap.ways[-at]
        share = (at - 1) / len(gap.ways)
        trust = (
            share * (belief(here.small.rgb, first.small.rgb, back) + 0.02),
            (1 - share) * (belief(here.small.rgb, last.small.rgb, onward) + 0.02),
        )
        here.alpha = carried((first.alpha, last.alpha), (back, onward), trust)


def ways_to_first(shots: Sequence[Shot]) -> Generator[tuple[Shot, Flow], None, None]:
    """Each shot after the first, in turn, and the flow from it to the first."""
    way: Flow | None = None
    for before, here in pairwise(shots):
        step = flow(here.small.grey, before.small.grey)
        way = step if way is None else chained(step, way)
        yield here, way
