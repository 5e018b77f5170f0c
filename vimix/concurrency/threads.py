"""The only threads of a pipeline, and the rules for ending them.

A generator may be pulled by one thread at a time, so a thread boundary is a stage of its own: one feeder pulls what
comes before it, a semaphore bounds what is in flight, and closing the stage stops, drains and joins all it started.
A failure on the far side is raised on the near side. Nothing here knows what a frame is.
"""

import os
import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

In = TypeVar("In")
Out = TypeVar("Out")
Items = TypeVar("Items")
Made = TypeVar("Made")

MOST_WAITING = 24 * 2**20
"""Bytes that may be in flight at a thread boundary before nothing waits there any more: four frames of 720p, which keep
every core busy however uneven they are; of 1080p and 4K only those that are worked on and one that was pulled, since a
dozen boundaries of four 4K frames each were 1 GB."""


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_order(
    work: Callable[[In], Out],
    items: Iterable[In],
    *,
    workers: int,
    waiting: int = 2,
    weigh: Callable[[In], int] | None = None,
) -> Generator[Out, None, None]:
    """Apply `work` to every item on `workers` threads and yield the results in the order of the items.

    At most `workers + waiting` items are in flight, so memory is bounded; beyond `workers`, only while all of them
    have no more than `MOST_WAITING` bytes by `weigh`. `items` is pulled by a thread of its own, beside the workers,
    and closed there before this generator ends.
    """
    results: queue.SimpleQueue[Future[Out] | None] = queue.SimpleQueue()
    places = _Places(workers, workers + waiting)

    def feed(pool: ThreadPoolExecutor) -> None:
        try:
            for item in items:
                if not places.acquire(weigh(item) if weigh else 0):
                    return
                results.put(pool.submit(work, item))
        except BaseException as error:  # handed over, and raised on the near side
            results.put(_failed(error))
        finally:
            try:
                if isinstance(items, Generator):
                    items.close()
            except BaseException as error:
                results.put(_failed(error))
            results.put(None)

    with ThreadPoolExecutor(workers, thread_name_prefix="vimix-work") as pool:
        feeder = threading.Thread(target=feed, args=(pool,), name="vimix-feed")
        feeder.start()
        try:
            while (future := results.get()) is not None:
                result = future.result()
                places.release()
                yield result
                del future, result  # the consumer is done with it; do not hold a frame while waiting for the next
        finally:
            places.close()
            feeder.join()
            while not results.empty():
                if (left := results.get()) is not None:
                    left.cancel()


class _Places:
    """A semaphore that knows how heavy what it let in is."""

    def __init__(self, least: int, most: int) -> None:
        self._least, self._most = least, most
        self._held: deque[int] = deque()
        self._changed = threading.Condition()
        self._closed = False

    def acquire(self, weight: int) -> bool:
        """Wait for a place; False where there will be none any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._has_place(weight))
            self._held.append(weight)
            return not self._closed

    def _has_place(self, weight: int) -> bool:
        count = len(self._held)
        return count < self._least or (count < self._most and sum(self._held) + weight <= MOST_WAITING)

    def release(self) -> None:
        """What came first has left."""
        with self._changed:
            self._held.popleft()
            self._changed.notify()

    def close(self) -> None:
        """Nobody is let in from now on, and nobody waits."""
        with self._changed:
            self._closed = True
            self._changed.notify()


def ahead(items: Iterable[Out], *, depth: int) -> Generator[Out, None, None]:
    """Pull `items` in a thread of its own, up to `depth` of them before they are asked for."""
    return in_order(_same, items, workers=1, waiting=depth - 1)


def interruptible(
    make: Callable[[Callable[[In], Out]], Callable[[Items], Generator[Made, None, None]]], work: Callable[[In], Out]
) -> Callable[[Items], Generator[Made, None, None]]:
    """What `make` builds on `work`; once it is being closed, no further `work` begins on its threads.

    For makers that do many pieces of work for one item: without this, closing would wait for all of them.
    """

    def build(items: Items) -> Generator[Made, None, None]:
        closing = threading.Event()

        def unless_closing(given: In) -> Out:
            if closing.is_set():
                raise InterruptedError
            return work(given)

        made = make(unless_closing)(items)
        try:
            for result in made:  # noqa: UP028 - `yield from` would close `made` before the event is set
                yield result
        finally:
            closing.set()
            made.close()

    return build


def _same(item: Out) -> Out:
    return item


def _failed(error: BaseException) -> "Future[Out]":
    future: Future[Out] = Future()
    future.set_exception(error)
    return future
