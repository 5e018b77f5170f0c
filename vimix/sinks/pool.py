"""Encode on threads, write in order: a sink's `write` returns while frames are still being encoded."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

from vimix.concurrency.threads import MOST_WAITING

In = TypeVar("In")
Out = TypeVar("Out")


class Ordered(Generic[In, Out]):
    """`work` on `workers` threads, and `take` for each result, in order and on the caller's thread.

    At most `workers + 2` are in flight, of items of `size` bytes, if these pass `MOST_WAITING`, only
    `workers`: `put` waits for the oldest when there are more. With one worker `work` runs in order too. A failure of
    `work` is raised by a later `put` or by `finish`.
    """

    def __init__(self, work: Callable[[In], Out], take: Callable[[Out], None], *, workers: int, size: int = 0) -> None:
        self._work, self._take = work, take
        self._most = workers + 2 if (workers + 2) * size <= MOST_WAITING else workers
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="vimix-encode")
        self._pending: deque[Future[Out]] = deque()

    def put(self, item: In) -> None:
        """Hand one over, and take what is ready."""
        self._pending.append(self._pool.submit(self._work, item))
        while self._pending and (len(self._pending) > self._most or self._pending[0].done()):
            self._take(self._pending.popleft().result())

    def finish(self) -> None:
        """Take all that is left; no thread is alive afterwards."""
        while self._pending:
            self._take(self._pending.popleft().result())
        self._pool.shutdown()

    def close(self) -> None:
        """Forget what has not begun and wait for what has."""
        self._pool.shutdown(cancel_futures=True)
        self._pending.clear()
