"""How far a job is: what its child says, what its record keeps and what a page shows are one value."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class JobProgress:
    """The last that is known of a running job."""

    done: int = 0
    """Frames."""
    total: int | None = None
    """Frames, where that is known."""
    fps: float | None = None
    """Frames a second, over the last seconds."""
    left: float | None = None
    """Seconds until it ends, an estimate."""
    step: str = ""
    """What is gone through: `cut`, and then perhaps the clip again to encode it or to fit it to a size."""
    preview: int = 0
    """Counts up with each preview picture; 0: there is none yet."""
    note: str = ""
    """What is happening beside frames: a model is being fetched, say."""
    finishing: bool = False
    """Cancelled, and the file of what is done is still being completed."""

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """From JSON; what another version says beyond these fields is left out."""
        return cls(**{name: values[name] for name in _NAMES & values.keys()})

    def as_json(self) -> dict[str, Any]:
        """Every field."""
        return asdict(self)


_NAMES = frozenset(field.name for field in fields(JobProgress))
