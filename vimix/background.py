"""What the subject is laid over, as a sum type: one of four, each with its canonical text."""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Transparent:
    """No background."""

    def __str__(self) -> str:
        return "transparent"


@dataclass(frozen=True, slots=True)
class Blur:
    """The clip's own background, blurred."""

    def __str__(self) -> str:
        return "blur"


@dataclass(frozen=True, slots=True)
class Colour:
    """One colour."""

    code: str
    """`#rrggbb`, in lower case."""

    def __str__(self) -> str:
        return self.code


@dataclass(frozen=True, slots=True)
class BackgroundFile:
    """A picture or a clip: a path, a name, or in a job the key of the file store."""

    name: str

    def __str__(self) -> str:
        return self.name


Background = Transparent | Blur | Colour | BackgroundFile
WHITE = Colour("#ffffff")


def parse_background(given: object) -> Background:
    """From `transparent`, `blur`, `#rrggbb` (or without the `#`) or a file's name; raises `ValueError`."""
    if isinstance(given, Transparent | Blur | Colour | BackgroundFile):
        return given
    if not isinstance(given, str):
        raise ValueError("must be transparent, a colour (#rrggbb), blur, or the name of an image or video file")
    text = given.strip()
    if re.fullmatch(r"#?[0-9a-fA-F]{6}", text):
        return Colour("#" + text.lstrip("#").lower())
    if text.startswith("#"):
        raise ValueError("a colour is written #rrggbb")
    if text in ("", "transparent"):
        return Transparent()
    return Blur() if text == "blur" else BackgroundFile(text)
