"""What a run answers: progress while it goes on, one result at its end. Values; nothing is called back."""

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

from vimix.frame import Frame

Returned = TypeVar("Returned")


class FinishEarly(Exception):
    """Thrown into a running generator: stop here, and make what is done so far a complete, valid file."""


Card = dict[str, Any]
"""The JSON object beside every result; its keys are those of the contract."""


@dataclass(frozen=True, slots=True)
class Progress:
    """One more frame is done."""

    done: int
    total: int | None
    """Frames to expect, or None where the clip does not say."""
    frame: Frame
    """The frame just finished, for whoever wants to show it."""
    step: str = "cut"
    """`cut` while the network runs; `fit` while a finished matte is encoded again to meet a size."""
    read: int = 0
    """Frames that were decoded so far: tracking looks at many before the first of them is done."""


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence for the person waiting: a model is being fetched, a device is missing."""

    text: str
    fraction: float | None = None
    """0-1 where the wait can be measured."""


@dataclass(frozen=True, slots=True)
class Result:
    """The file is complete and in its place."""

    path: Path
    frames: int


@dataclass(frozen=True, slots=True)
class Done:
    """The run is over: the file and what is known of it."""

    path: Path
    card: Card


def returned(steps: Generator[Any, Any, Returned]) -> Returned:
    """Run a generator to its end and give what it returns; its events are dropped. Raises what it raises."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return cast(Returned, end.value)
