import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from vimix.frame import Pixels
from vimix.matting.networks import batching
from vimix.matting.networks.batching import Wish, batched, best_size


def picture(value: int) -> Pixels:
    return np.full((2, 2, 3), value, np.uint8)


def red(wishes: Sequence[Wish], size: int) -> list[Pixels]:
    assert len(wishes) <= size
    return [rgb[:, :, 0] for rgb, _ in wishes]


def held(run: batching.Run, sizes: list[tuple[int, int]]) -> tuple[batching.Run, threading.Event, threading.Event]:
    """`run`, whose first call waits; sizes are those of each call: pictures, and places."""
    began, go_on = threading.Event(), threading.Event()

    def lane(wishes: Sequence[Wish], size: int) -> Sequence[Pixels]:
        sizes.append((len(wishes), size))
        if len(sizes) == 1:
            began.set()
            assert go_on.wait(10)
        return run(wishes, size)

    return lane, began, go_on


def waiting(segment: Callable[..., Pixels]) -> int:
    """How many pictures wait, out of the closure."""
    states = [cell.cell_contents for cell in segment.__closure__ or ()]
    return next(len(state.waiting) for state in states if isinstance(state, batching._Queue))


def test_a_crowd_is_answered_in_batches_of_fixed_sizes_each_with_its_own() -> None:
    sizes: list[tuple[int, int]] = []
    lane, began, go_on = held(red, sizes)
    before = batching.FIGURES.copy()
    segment = batched([lane], {1: 1.0, 4: 1.5})
    with ThreadPoolExecutor(12) as pool:
        lone = pool.submit(segment, picture(99), 255.0)
        assert began.wait(10)
        crowd = [pool.submit(segment, picture(value), 255.0) for value in range(11)]
        while waiting(segment) < 11:
            pass
        go_on.set()
        assert lone.result().max() == 99
        assert [int(future.result().max()) for future in crowd] == list(range(11))
    assert sizes == [(1, 1), (4, 4), (4, 4), (3, 4)]
    spent = batching.FIGURES.since(before)
    assert (spent.batches, spent.pictures, spent.padded) == (4, 12, 1)
    assert spent.seconds > 0


@pytest.mark.parametrize(
    ("waiting", "size"),
    [(1, 1), (2, 4), (4, 4), (5, 4), (6, 8), (7, 8), (8, 8), (30, 8)],
)
def test_the_size_is_the_quickest_for_those_that_wait(waiting: int, size: int) -> None:
    """Times of a run on an H200, by batch size, in milliseconds."""
    assert best_size(waiting, {1: 9.3, 4: 17.1, 8: 25.4}) == size


def test_batches_are_never_slower_than_one_by_one() -> None:
    """A card on which batches gain nothing runs none."""
    assert {best_size(waiting, {1: 1.0, 2: 2.1, 4: 4.4}) for waiting in range(1, 9)} == {1}


def test_lanes_run_side_by_side() -> None:
    both = threading.Barrier(2, timeout=10)

    def lane(wishes: Sequence[Wish], size: int) -> Sequence[Pixels]:
        both.wait()
        return red(wishes, size)

    segment = batched([lane, lane], {1: 1.0})
    with ThreadPoolExecutor(2) as pool:
        assert [mask.max() for mask in pool.map(lambda at: segment(picture(at), 255.0), (3, 4))] == [3, 4]


def test_a_failure_is_told_to_all_it_struck_and_to_no_other() -> None:
    def lane(wishes: Sequence[Wish], size: int) -> Sequence[Pixels]:
        if any(rgb.max() == 9 for rgb, _ in wishes):
            raise ValueError("nine")
        return red(wishes, size)

    segment = batched([lane], {1: 1.0})
    with pytest.raises(ValueError, match="nine"):
        segment(picture(9), 255.0)
    assert segment(picture(1), 255.0).max() == 1


def test_a_batch_size_that_fails_is_given_up_and_its_pictures_are_run() -> None:
    sizes: list[tuple[int, int]] = []

    def lane(wishes: Sequence[Wish], size: int) -> Sequence[Pixels]:
        if size > 2:
            raise MemoryError("another process took it")
        return red(wishes, size)

    slow, began, go_on = held(lane, sizes)
    seconds = {1: 1.0, 2: 1.5, 4: 2.0}
    segment = batched([slow], seconds)
    with ThreadPoolExecutor(6) as pool:
        lone = pool.submit(segment, picture(99), 255.0)
        assert began.wait(10)
        crowd = [pool.submit(segment, picture(value), 255.0) for value in range(5)]
        while waiting(segment) < 5:
            pass
        go_on.set()
        assert lone.result().max() == 99
        assert [int(future.result().max()) for future in crowd] == list(range(5))
    assert seconds == {1: 1.0, 2: 1.5}
    assert sizes[1] == (4, 4)


def test_waiting_pictures_are_told_of_once_others_are_run() -> None:
    crowds: list[bool] = []
    sizes: list[tuple[int, int]] = []
    lane, began, go_on = held(red, sizes)
    segment = batched([lane], {1: 1.0}, crowd=lambda: crowds.append(True))
    segment_alone = batched([red], {1: 1.0}, crowd=lambda: crowds.append(True))
    segment_alone(picture(1), 255.0)
    segment_alone(picture(1), 255.0)
    assert not crowds
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(segment, picture(1), 255.0)
        assert began.wait(10)
        second = pool.submit(segment, picture(2), 255.0)
        while not crowds:
            pass
        go_on.set()
        assert (first.result().max(), second.result().max()) == (1, 2)
