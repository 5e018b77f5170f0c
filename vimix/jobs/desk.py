"""The one door to jobs: page, client, API, MCP and `/convert` come in here, and nowhere else."""

from collections.abc import AsyncIterator
from pathlib import Path

from vimix.jobs.model import Counts, Job, Snapshot, Ticket
from vimix.options import Options
from vimix.settings import Settings
from vimix.stores import Store


class Desk:
    """Takes work in and says how it stands. Methods that are not `async` may be called from any thread; those read
    or write files and databases, so an event loop calls them through a thread."""

    def __init__(self, settings: Settings, files: Store) -> None:
        self.settings = settings
        self.files = files

    async def start(self) -> None:
        """Open the queue, bring back what was under way, and start the slots (none in a web process with Redis)."""
        raise NotImplementedError

    async def stop(self) -> None:
        """Hand back what runs and end every child."""
        raise NotImplementedError

    def submit(
        self, file: Path, name: str, options: Options, *, visitor: str, background: Path | None = None
    ) -> Ticket:
        """Take work in; answers at once. Raises `Busy` if too many wait, `Refused`, `UsageError`, `StoreError`."""
        raise NotImplementedError

    def convert(self, job: str, options: Options, *, visitor: str) -> Ticket:
        """The same clip as another file: the matte is the finished job's, so no network runs. `NotFound`, `Gone`."""
        raise NotImplementedError

    def job(self, job: str) -> Job:
        """The job. `NotFound`, or `Gone` once it has expired."""
        raise NotImplementedError

    def snapshot(self, job: str) -> Snapshot:
        """How it stands now."""
        raise NotImplementedError

    def watch(self, job: str) -> AsyncIterator[Snapshot]:
        """How it stands, at most five times a second, now and whenever it changes; ends with the job."""
        raise NotImplementedError

    def preview(self, job: str) -> bytes | None:
        """The newest finished frame as a small WebP picture."""
        raise NotImplementedError

    def cancel(self, job: str, token: str) -> Snapshot:
        """End it. What is done so far becomes a file where that is possible. `NotFound` for a wrong token."""
        raise NotImplementedError

    def delete(self, job: str, token: str) -> None:
        """Delete input, matte and result at once. `NotFound` for a wrong token."""
        raise NotImplementedError

    def result(self, job: str) -> tuple[Job, Path | None, str | None]:
        """The finished job with its file on this machine, or else a link to it. `NotFound`, `Gone`."""
        raise NotImplementedError

    def recent(self, visitor: str) -> list[Job]:
        """The visitor's jobs, newest first."""
        raise NotImplementedError

    def counts(self) -> Counts:
        """How it stands with all jobs together."""
        raise NotImplementedError


def open_desk(settings: Settings, *, workers: int | None = None) -> Desk:
    """The desk that the settings describe. `workers`: slots of this process instead of what the settings say."""
    raise NotImplementedError
