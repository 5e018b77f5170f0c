"""The only threads of a pipeline, and the rules for ending them.

A generator may be pulled by one thread at a time, so a thread boundary is a stage of its own: one feeder pulls what
comes before it, a semaphore bounds what is in flight, and closing the stage stops, drains and joins all it started.
A failure on the far side is raised on the near side. Nothing here knows what a frame is.
"""

import os
import queue
import threading
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

In = TypeVar("In")
Out = TypeVar("Out")
Items = TypeVar("Items")
Made = TypeVar("Made")


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_order(
    work: Callable[[In], Out], items: Iterable[In], *, workers: int, waiting: int = 2
) -> Generator[Out, None, None]:
    """Apply `work` to every item on `workers` threads and yield the results in the order of the items.

    At most `workers + waiting` items are in flight, so memory is bounded. `items` is pulled by a thread of its own,
    beside the workers, and closed there before this generator ends.
    """
    results: queue.SimpleQueue[Future[Out] | None] = queue.SimpleQueue()
    places = threading.Semaphore(workers + waiting)
    stop = threading.Event()

    def feed(pool: ThreadPoolExecutor) -> None:
        try:
            for item in items:
                places.acquire()
                if stop.is_set():
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
            stop.set()
            places.release()
            feeder.join()
            while not results.empty():
                if (left := results.get()) is not None:
                    left.cancel()


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
