"""Processes beside this one, for work on pixels that is made of many short calls.

Threads share one interpreter: where a frame takes hundreds of short calls of NumPy, a fifth of two cores' time goes
into handing it over. So such work runs in processes, forked while there is no other thread, with what is loaded by
then. Pixels lie in memory that both sides see. Where there are no such processes, and for whatever one of them cannot
do, work runs where it is called: the result is the same.
"""

import ctypes
import gc
import logging
import mmap
import os
import queue
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from multiprocessing import current_process, get_context
from multiprocessing.connection import Connection, Pipe
from typing import Any, NamedTuple, ParamSpec, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

Given = ParamSpec("Given")
Made = TypeVar("Made")

_ROOM = 2**28
"""Bytes that a process shares with its caller, half for each; what is never touched takes no memory."""
_MALLOPT = {-1: 2**26, -3: 2**25}
"""M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of glibc, in bytes: at their defaults every large array is fetched from the
kernel anew, page by page, which takes as long as a fifth of the work. Only over there, where little is alive at once:
in a process of many threads and arenas memory would grow with the clip."""
_log = logging.getLogger(__name__)


class _Laid(NamedTuple):
    """An array in shared memory."""

    shape: tuple[int, ...]
    kind: str
    at: int


class _Helper:
    """A process, seen from its caller."""

    def __init__(self, before: "list[_Helper]") -> None:
        self._memory = mmap.mmap(-1, _ROOM)
        self._line, far = Pipe()
        mine = [self._line, *(helper._line for helper in before)]
        self._process = get_context("fork").Process(target=_serve, args=(far, self._memory, mine), daemon=True)
        self._process.start()
        far.close()

    def do(self, name: Callable[..., Made], work: Callable[..., Made], given: tuple[Any, ...]) -> Made:
        """`name(*given)` over there or, if that is not possible, `work(*given)` here."""
        if sum(item.nbytes for item in given if isinstance(item, np.ndarray)) > _ROOM // 4:
            return work(*given)
        try:
            self._line.send((name, _laid(given, self._memory, 0)))
            done, made = self._line.recv()
        except (OSError, EOFError, ValueError) as error:  # it was killed, or its memory is closed
            _log.warning("A helping process is gone: %r", error)
            return work(*given)
        except BaseException:  # interrupted in between: whatever it answers now answers nothing
            self._line.close()
            raise
        if not done:
            raise made
        return cast(Made, _found(made, self._memory).copy() if isinstance(made, _Laid) else made)

    def close(self) -> None:
        """End it."""
        self._line.close()
        self._process.join()
        self._process.close()
        self._memory.close()


_free: "queue.LifoQueue[_Helper] | None" = None


def offload(work: Callable[Given, Made]) -> Callable[Given, Made]:
    """A decorator for functions of a module: they run in whichever process is free. Any number of threads may call
    them. Arrays given to them are not changed, and what they return may be one; errors are raised here."""

    @wraps(work)
    def call(*given: Given.args, **named: Given.kwargs) -> Made:
        free = _free  # always None over there
        if free is None or named:
            return work(*given, **named)
        helper = free.get()
        try:
            return helper.do(call, work, given)
        finally:
            free.put(helper)

    return call


@contextmanager
def processes(many: int) -> Iterator[None]:
    """Have that many of them. None where this process has threads already, may have no children, or is not one of
    Linux; those that an outer call made go on."""
    global _free
    alone = os.path.isdir("/proc/self/task") and len(os.listdir("/proc/self/task")) == 1
    if not alone or _free is not None or current_process().daemon:
        yield
        return
    frozen = gc.get_freeze_count()
    gc.freeze()  # what is loaded by now is looked through no more, nor copied for that
    helpers: list[_Helper] = []
    try:
        with suppress(OSError):  # as many as there is room for
            while len(helpers) < many:
                helpers.append(_Helper(helpers))
        free: queue.LifoQueue[_Helper] = queue.LifoQueue()
        for helper in helpers:
            free.put(helper)
        _free = free if helpers else None
        yield
    finally:
        _free = None
        for helper in helpers:
            helper.close()
        if not frozen:
            gc.unfreeze()


def _serve(line: Connection, memory: mmap.mmap, theirs: list[Connection]) -> None:
    """Do what comes, until nobody is at the other end."""
    with suppress(AttributeError):  # another C library
        for name, value in _MALLOPT.items():
            ctypes.CDLL(None).mallopt(name, value)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is for the caller
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    for end in theirs:
        end.close()
    while True:
        try:
            work, given = line.recv()
        except (EOFError, OSError):
            return
        try:
            made = work(*(_found(item, memory) if isinstance(item, _Laid) else item for item in given))
            answer = True, _laid((made,), memory, _ROOM // 2)[0]
        except Exception as error:
            answer = False, error
        with suppress(OSError):  # the next `recv` ends it
            line.send(answer)


def _laid(items: tuple[Any, ...], memory: mmap.mmap, at: int) -> list[Any]:
    """`items` with the arrays among them copied into `memory`, from `at` on."""
    laid = []
    for item in items:
        if isinstance(item, np.ndarray):
            place = _Laid(item.shape, item.dtype.str, at)
            np.copyto(_found(place, memory), item)
            at += -(-item.nbytes // 64) * 64
            laid.append(place)
        else:
            laid.append(item)
    return laid


def _found(place: _Laid, memory: mmap.mmap) -> NDArray[Any]:
    return np.ndarray(place.shape, place.kind, memory, place.at)
