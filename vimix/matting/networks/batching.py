"""Many callers, one accelerator: pictures that wait together run together, in batches of a few fixed sizes.

No thread of its own: a caller that finds a lane free runs the oldest pictures that wait, so a lone caller waits for
nobody. There are two lanes, so that one batch is copied and uploaded while another one is computed.
Batches have the sizes that are ready (`seconds`) and are padded to them: which size, its measured time decides.
"""

import threading
import time
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from vimix.frame import Pixels

Wish = tuple[Pixels, float]
"""A picture at the network's size (S, S, 3), and the level that counts as white."""
Run = Callable[[Sequence[Wish], int], Sequence[Pixels]]
"""Wishes, at most as many as the batch size that comes with them, to their masks (S, S)."""


@dataclass(slots=True)
class Figures:
    """What ran on an accelerator in this process."""

    batches: int = 0
    pictures: int = 0
    padded: int = 0
    """Places of batches that were run empty."""
    seconds: float = 0.0
    """Time in which at least one lane was busy."""

    def since(self, before: "Figures") -> "Figures":
        """The difference to an earlier copy."""
        return Figures(*(getattr(self, name) - getattr(before, name) for name in self.__slots__))

    def copy(self) -> "Figures":
        """As they are now."""
        return Figures(self.batches, self.pictures, self.padded, self.seconds)


FIGURES = Figures()
"""Of all networks of this process; a run takes the difference between its start and its end."""


@dataclass(slots=True)
class _Queue:
    lanes: list[Run]
    """Those that are free."""
    waiting: list[tuple[Wish, "Future[Pixels]"]] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)
    busy: int = 0
    since: float = 0.0


def batched(
    lanes: Sequence[Run], seconds: MutableMapping[int, float], *, crowd: Callable[[], None] = lambda: None
) -> Callable[[Pixels, float], Pixels]:
    """A function of one picture that any number of threads may call, on top of `lanes`, which take batches.

    `seconds` has the time of a run by the batch sizes that are ready, always that of 1; it may grow meanwhile. A larger
    size that fails (another process took the memory, say) is given up, and its pictures are run in smaller ones.
    `crowd` is called when pictures begin to wait for each other.
    """
    state = _Queue(list(lanes))

    def segment(small: Pixels, white: float) -> Pixels:
        answer: Future[Pixels] = Future()
        mine = (small, white), answer
        with state.changed:
            state.waiting.append(mine)
            alone = len(state.waiting) == 1 and not state.busy
        if not alone:
            crowd()
        while True:
            with state.changed:
                state.changed.wait_for(
                    lambda: answer.done() or (state.lanes and any(wish is mine for wish in state.waiting))
                )
                if answer.done():
                    return answer.result()
                size = best_size(len(state.waiting), seconds)
                batch, state.waiting = state.waiting[:size], state.waiting[size:]
                lane = _begin(state)
            _serve(lane, batch, size, seconds, state)

    return segment


def best_size(waiting: int, seconds: Mapping[int, float]) -> int:
    """The batch size that does most pictures a second of those that wait."""
    return max(list(seconds), key=lambda size: (min(waiting, size) / seconds[size], size))


def _begin(state: _Queue) -> Run:
    if not state.busy:
        state.since = time.perf_counter()
    state.busy += 1
    return state.lanes.pop()


def _serve(
    lane: Run,
    batch: list[tuple[Wish, "Future[Pixels]"]],
    size: int,
    seconds: MutableMapping[int, float],
    state: _Queue,
) -> None:
    failed: BaseException | None = None
    masks: Sequence[Pixels] = ()
    try:
        masks = lane([wish for wish, _ in batch], size)
    except BaseException as error:
        failed = error
    with state.changed:
        state.lanes.append(lane)
        state.busy -= 1
        now = time.perf_counter()
        FIGURES.seconds += 0 if state.busy else now - state.since
        if failed is None:
            FIGURES.batches += 1
            FIGURES.pictures += len(batch)
            FIGURES.padded += size - len(batch)
            for (_, answer), mask in zip(batch, masks, strict=True):
                answer.set_result(mask)
        elif size > 1 and isinstance(failed, Exception):
            seconds.pop(size, None)
            state.waiting[:0] = batch
        else:
            for _, answer in batch:
                answer.set_exception(failed)
        state.changed.notify_all()
