"""A thread boundary keeps the order, bounds what is in flight, hands failures over and leaves nothing behind."""

import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator

import pytest

from vimix.concurrency.threads import MOST_WAITING, ahead, in_order, interruptible


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    before = threading.active_count()
    yield
    assert threading.active_count() == before


def counted(last: int, closed: list[int]) -> Generator[int, None, None]:
    try:
        yield from range(last)
    finally:
        closed.append(last)


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_results_come_in_order(workers: int) -> None:
    assert list(in_order(lambda number: number * 2, range(50), workers=workers)) == list(range(0, 100, 2))


def test_nothing_comes_of_nothing() -> None:
    assert list(in_order(str, [], workers=2)) == []


def test_little_is_in_flight() -> None:
    pulled: list[int] = []

    def numbers() -> Iterator[int]:
        for number in range(100):
            pulled.append(number)
            yield number

    source = numbers()
    results = in_order(lambda number: number, source, workers=2, waiting=2)
    assert next(results) == 0
    results.close()
    assert len(pulled) <= 7


@pytest.mark.parametrize("taken", [0, 1, 3])
def test_closing_closes_what_comes_before(taken: int) -> None:
    closed: list[int] = []
    results = ahead(counted(100, closed), depth=3)
    for _ in range(taken):
        next(results)
    results.close()
    assert closed == ([100] if taken else [])


def test_a_failure_of_the_work_is_raised_in_its_place() -> None:
    closed: list[int] = []
    results = in_order(lambda number: 1 // (3 - number), counted(9, closed), workers=2)
    assert [next(results) for _ in range(3)] == [0, 0, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)
    assert closed == [9]


def test_a_failure_before_it_is_raised_in_its_place() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise OSError("the disk is gone")

    results = ahead(broken(), depth=2)
    assert next(results) == 1
    with pytest.raises(OSError, match="gone"):
        next(results)


def test_closing_lets_no_further_work_begin() -> None:
    begun, may_go_on = threading.Semaphore(0), threading.Semaphore(0)
    worked: list[int] = []

    def work(number: int) -> int:
        begun.release()
        may_go_on.acquire()
        worked.append(number)
        return number

    def tens(each: Callable[[int], int]) -> Callable[[Iterable[int]], Generator[list[int], None, None]]:
        return lambda items: in_order(lambda ten: [each(ten + one) for one in range(10)], items, workers=1)

    made = interruptible(tens, work)(range(0, 100, 10))
    may_go_on.release(12)
    assert next(made) == list(range(10))
    for _ in range(13):  # the second ten has begun its third piece
        begun.acquire()
    threading.Timer(0.05, may_go_on.release, [100]).start()
    made.close()
    assert len(worked) < 20


@pytest.mark.parametrize(
    ("weight", "most"), [(1, 4), (MOST_WAITING // 4, 4), (MOST_WAITING // 3, 3), (MOST_WAITING, 2)]
)
def test_heavy_items_do_not_wait(weight: int, most: int) -> None:
    """Two workers: as many are in flight as fit into the bytes, but never fewer than can be worked on."""
    lock, inside, seen = threading.Lock(), 0, 0

    def items() -> Iterator[int]:
        nonlocal inside, seen
        for number in range(40):
            with lock:
                inside += 1
                seen = max(seen, inside)
            yield number

    results = in_order(lambda number: number, items(), workers=2, weigh=lambda _: weight)
    for number in results:
        time.sleep(0.002)  # the consumer is slow, so that all places are taken
        with lock:
            inside -= 1
        if number == 30:
            break
    results.close()
    assert seen <= most + 2  # one is pulled before it has a place, one is with the consumer
    assert seen >= most
