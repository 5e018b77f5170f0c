"""What requests hold while they are taken in: room on the disk, bytes in memory, places. All of it is given back."""

import threading
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from vimix.errors import Busy


class DiskSpace:
    """Bytes on the disk that are promised to uploads under way, so that together they never fill it."""

    def __init__(self, folder: Path, spare: int, free: Callable[[Path], int]) -> None:
        """`spare` bytes of the disk stay free; `free` tells how many are."""
        self._folder, self._spare, self._free = folder, spare, free
        self._promised = 0
        self._lock = threading.Lock()

    def reserve(self, count: int) -> bool:
        """Promise so many more bytes; whether there is room for them."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._lock:
            if self._free(self._folder) - self._promised - count < self._spare:
                return False
            self._promised += count
            return True

    def release(self, count: int) -> None:
        """So many of the promised bytes are written, or will not come."""
        with self._lock:
            self._promised -= count


class Reservation:
    """The room of one upload. What is not declared is reserved step by step."""

    STEP = 4 << 20
    """Bytes: smaller ones ask the disk more often, larger ones refuse the last upload earlier."""

    def __init__(self, space: DiskSpace) -> None:
        self._space, self._ahead = space, 0

    def extend(self, count: int) -> bool:
        """Reserve so many bytes beyond those that came; whether there is room."""
        if not self._space.reserve(count):
            return False
        self._ahead += count
        return True

    def received(self, count: int) -> bool:
        """So many bytes came; whether there was room for them."""
        if count > self._ahead and not self.extend(max(count - self._ahead, self.STEP)):
            return False
        self._ahead -= count
        self._space.release(count)
        return True

    def close(self) -> None:
        """Give back what did not come."""
        self._space.release(self._ahead)
        self._ahead = 0


class Shares:
    """Something of which there is only so much, of all visitors together and of each: bytes in memory, or streams."""

    def __init__(self, most: int, per_visitor: int, sentence: str) -> None:
        """`sentence` tells a visitor who asks for more than there is."""
        self._most, self._per_visitor, self._sentence = most, per_visitor, sentence
        self._taken: Counter[str] = Counter()
        self._lock = threading.Lock()

    def take(self, visitor: str, count: int = 1) -> None:
        """Raises `Busy` where that visitor has too much, or all have."""
        with self._lock:
            if self._taken[visitor] + count > self._per_visitor or self._taken.total() + count > self._most:
                raise Busy(self._sentence, retry_after=5)
            self._taken[visitor] += count

    def give_back(self, visitor: str, count: int = 1) -> None:
        """What was taken."""
        with self._lock:
            self._taken[visitor] -= count
            if self._taken[visitor] <= 0:
                del self._taken[visitor]

    @contextmanager
    def one(self, visitor: str) -> Generator[None, None, None]:
        """A single one, for as long as the block lasts. Raises `Busy`."""
        self.take(visitor)
        try:
            yield
        finally:
            self.give_back(visitor)


class Parts:
    """Counts the parts of a multipart body as it streams (RFC 2046, section 5.1.1: each begins with the delimiter)."""

    def __init__(self, boundary: bytes) -> None:
        self._delimiter = b"--" + boundary
        self._tail = b""
        self.count = 0

    def feed(self, body: bytes) -> int:
        """How many parts begin in these bytes; the closing delimiter counts as one more."""
        text = self._tail + body
        found = text.count(self._delimiter)
        keep = len(self._delimiter) - 1
        if found:
            text = text[text.rindex(self._delimiter) + len(self._delimiter) :]
        self._tail = text[-keep:] if keep else b""
        self.count += found
        return found
