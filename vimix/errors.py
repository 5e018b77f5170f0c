"""Every way Vimix says no, as one tree.

    VimixError
    ├── UsageError           the options contradict each other or name nothing we know
    ├── Refused              the input is not one we take; the sentence says which limit, and by how much
    │   └── Unreadable       nothing in it could be read as pictures
    ├── Unavailable          a model or a device is not here
    ├── Busy                 not now: a backlog or a limit is full; says when to come back
    ├── NotFound             no such job, or not for this visitor
    │   └── Gone             it was here, and its day is over
    ├── StoreError           a disk, a bucket or a connection failed; trying again may help
    └── Failed               the work itself broke

Each error carries two messages: `public`, one sentence for the person in front of the page, free of paths and
library text, and `cause`, for the log. `exit_code` and `status` are what the command line and HTTP answer with.
"""

import math
from typing import SupportsFloat


class VimixError(Exception):
    """Something that is ours to explain."""

    exit_code = 5
    status = 500
    retryable = False
    """Whether the same work, tried again, may succeed."""

    def __init__(self, public: str, *, cause: str = "") -> None:
        super().__init__(f"{public} [{cause}]" if cause else public)
        self.public = public
        self.cause = cause


class UsageError(VimixError):
    """The request cannot be understood as it stands."""

    exit_code = 2
    status = 422


class Refused(VimixError):
    """The input is outside of what we accept."""

    exit_code = 3
    status = 422


class Unreadable(Refused):
    """The input holds no picture that we can decode."""


class Unavailable(VimixError):
    """A model's weights or the asked-for device cannot be had here."""

    exit_code = 4
    status = 503


class Busy(VimixError):
    """A limit is reached for now."""

    status = 429

    def __init__(self, public: str, *, retry_after: float, cause: str = "") -> None:
        super().__init__(public, cause=cause)
        self.retry_after = retry_after
        """Seconds until it is worth asking again."""


class NotFound(VimixError):
    """There is nothing under that name."""

    status = 404


class Gone(NotFound):
    """It was deleted, by its owner or because its time was over."""

    status = 410


class StoreError(VimixError):
    """Files could not be written, read or reached."""

    status = 503
    retryable = True


class Failed(VimixError):
    """The work began and could not be finished."""


def tidy(value: SupportsFloat, places: int = 1) -> str:
    """A number in a sentence: `130`, `12.5`. It is rounded up: what is beyond a limit never reads like the limit."""
    found = math.ceil(round(float(value) * 10**places, 6)) / 10**places
    return str(int(found) if found.is_integer() else found)


def megabytes(count: int) -> str:
    """Bytes in a sentence: `0.3 MB`, `12.5 MB`, `1 GB`."""
    return f"{tidy(count / 2**20)} MB" if count < 1000 * 2**20 else f"{tidy(round(count / 2**30, 1))} GB"
