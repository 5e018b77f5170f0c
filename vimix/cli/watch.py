"""A folder whose clips are cut out as they come, until somebody interrupts. What was done is remembered in a file
beside the results, so that a watch that begins again goes on where the last one ended.
"""

import fcntl
import json as json_text
import os
import sys
import time
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from vimix.cli.cut import attempt, clips_of, named
from vimix.cli.show import Events, Failure, Place, as_json, as_line, event, said
from vimix.concurrency.files import place as write_file
from vimix.concurrency.processes import processes
from vimix.errors import UsageError
from vimix.events import Done, Note, Progress
from vimix.options import Options
from vimix.pipeline.request import Resources
from vimix.settings import Settings
from vimix.sinks import FORMATS

SETTLED = 2.0
"""Seconds for which a file must not change before it is taken. A copy writes many times a second; a stalled one that is
taken too early is refused, or cut as far as it goes, and taken again when it has grown."""
LOOK_EVERY = 0.5
"""Seconds between two looks at the folder: a look at a thousand files takes some milliseconds."""
MEMORY = ".vimix-watch.json"
_LASTING = {0, 2, 3}
"""Exit codes that will be the same next time; after others the clip is tried again by the next watch."""

Stamp = tuple[int, int]
"""A file's size (bytes) and time of change (nanoseconds)."""


class Arrivals:
    """Tells which files of a folder have settled."""

    def __init__(self) -> None:
        self._since: dict[Path, tuple[Stamp, float]] = {}

    def settled(self, folder: Path, now: float) -> list[tuple[Path, Stamp]]:
        """Clips that are not empty and have not changed for `SETTLED`, at the time `now` (seconds of any clock that
        goes on). Raises `OSError`."""
        before, self._since = self._since, {}
        for clip in clips_of(folder):
            try:
                status = clip.stat()
            except FileNotFoundError:  # taken away in between
                continue
            stamp = status.st_size, status.st_mtime_ns
            last = before.get(clip)
            self._since[clip] = last if last and last[0] == stamp else (stamp, now)
        return [(clip, stamp) for clip, (stamp, since) in self._since.items() if stamp[0] and now - since >= SETTLED]


class Memory:
    """What was done, by the clip's name: its stamp, the options' digest, the result's name."""

    def __init__(self, out: Path) -> None:
        self._file = out / MEMORY
        try:
            self._done: dict[str, dict[str, Any]] = (
                json_text.loads(self._file.read_text()) if self._file.exists() else {}
            )
        except ValueError as error:
            raise UsageError(f"{self._file} cannot be read: delete it, and every clip is cut out anew.") from error
        self._tried: set[tuple[str, Stamp]] = set()

    def knows(self, clip: Path, stamp: Stamp, options: Options) -> bool:
        """Whether this clip, as it is, was done with these options, or tried since this watch began."""
        entry = self._done.get(clip.name)
        same = entry is not None and (entry["stamp"], entry["options"]) == (list(stamp), options.digest())
        return same or (clip.name, stamp) in self._tried

    def name_for(self, clip: Path, out: Path, suffix: str) -> Path:
        """Where its result goes: where it went before, else under a name that no other clip's result has."""
        entry = self._done.get(clip.name)
        if entry and Path(entry["result"]).suffix == suffix:
            return out / str(entry["result"])
        return named(clip, out, suffix, {str(other["result"]).casefold() for other in self._done.values()})

    def kept(
        self, events: Events, clip: Path, stamp: Stamp, options: Options, result: Path
    ) -> Generator[Note | Progress | Done | Failure, None, None]:
        """Pass events on, and remember how the clip ended before anybody hears of it. Raises `OSError`."""
        for happened in events:
            if isinstance(happened, Done | Failure):
                self.add(clip, stamp, options, result, happened.code if isinstance(happened, Failure) else 0)
            yield happened

    def add(self, clip: Path, stamp: Stamp, options: Options, result: Path, code: int) -> None:
        """Remember; for the next watch too where it would end in the same way. Raises `OSError`."""
        self._tried.add((clip.name, stamp))
        if code in _LASTING:
            self._done[clip.name] = {"stamp": list(stamp), "options": options.digest(), "result": result.name}
            write_file(self._file, json_text.dumps(self._done, indent=1).encode())


def watch(folder: Path, out: Path, options: Options, *, json: bool) -> int:
    """Cut out what comes into `folder`, into `out`, until SIGINT or SIGTERM, which is how it ends well: 0."""
    if not folder.is_dir():
        raise UsageError(f"There is no folder {folder} to watch.")
    if folder.samefile(out):
        raise UsageError("The results would be taken for new clips: name another folder for them.")
    resources, show = Resources.of(Settings.load()), as_json if json else as_line
    with _alone(out), processes(resources.threads):
        memory, arrivals = Memory(out), Arrivals()
        try:
            _tell(json, "watching", f"Watching {folder}; Ctrl-C ends it.", folder=str(folder))
            while True:
                for clip, stamp in arrivals.settled(folder, time.monotonic()):
                    if not memory.knows(clip, stamp, options):
                        result = memory.name_for(clip, out, FORMATS[options.format].suffix)
                        tried = attempt(clip, result, options)
                        with closing(tried), closing(memory.kept(tried, clip, stamp, options, result)) as events:
                            show(events, Place(clip))
                time.sleep(LOOK_EVERY)
        except KeyboardInterrupt:
            _tell(json, "stopped", "Stopped watching; nothing half-written was left behind.", folder=str(folder))
    return 0


def _tell(json: bool, kind: str, text: str, **values: object) -> None:
    if json:
        event(kind, **values)
    else:
        said(text)
        sys.stderr.flush()


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Hold the folder for results. Raises `UsageError` where another watch holds it: two would forget each other's
    clips."""
    handle = os.open(out, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise UsageError(f"Another watch puts its results into {out}: name another folder.") from error
    finally:
        os.close(handle)
