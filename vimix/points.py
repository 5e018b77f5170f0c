"""What a person marks in a picture: clicks, boxes, and painted strokes, as the text that options are made of."""

import base64
import re
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field

from vimix.errors import UsageError

PNG = b"\x89PNG\r\n\x1a\n"
MOST_PAINTS = 20
"""Painted pictures of a clip: each is read and carried through the clip."""
PAINT_BYTES = 512 << 10
"""Of one painted picture: strokes on a transparent ground take a few KB at any size."""
_ADDRESS = re.compile(r"data:image/png;base64,[A-Za-z0-9+/]+={0,2}(?:@\d+(?:\.\d+)?)?")


class Point(BaseModel):
    """A click, or a box, that says which subject is meant."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    x0: Annotated[float, Field(ge=0, le=1)]
    y0: Annotated[float, Field(ge=0, le=1)]
    x1: Annotated[float, Field(ge=0, le=1)]
    y1: Annotated[float, Field(ge=0, le=1)]
    """Fractions of the picture; a click has x0 == x1 and y0 == y1."""
    time: Annotated[float, Field(ge=0)] = 0
    """Seconds in the clip, before trimming."""
    keep: bool = True
    """Whether what is there is the subject, or what is not meant."""

    @property
    def is_box(self) -> bool:
        """Whether it spans an area."""
        return self.x1 > self.x0 and self.y1 > self.y0

    @classmethod
    def parse(cls, text: str) -> Self:
        """From `x,y`, `x,y,t`, `x0,y0,x1,y1` or `x0,y0,x1,y1,t`, with a minus before it for what is not meant.

        Raises `ValueError`.
        """
        try:
            numbers = [float(number) for number in text.strip().removeprefix("-").split(",")]
            if len(numbers) in (2, 3):
                numbers = numbers[:2] + numbers
            x0, y0, x1, y1, *rest = numbers
            (time,) = rest or [0.0]
            keep = not text.strip().startswith("-")
            return cls(x0=min(x0, x1), y0=min(y0, y1), x1=max(x0, x1), y1=max(y0, y1), time=time, keep=keep)
        except ValueError as error:
            raise ValueError(f"{text!r} is not x,y or x,y,t with x and y from 0 to 1 and t in seconds") from error

    def __str__(self) -> str:
        place = (self.x0, self.y0, self.x1, self.y1) if self.is_box else (self.x0, self.y0)
        numbers = ",".join(f"{number:g}" for number in (*place, *((self.time,) if self.time else ())))
        return numbers if self.keep else f"-{numbers}"


def parse_paints(text: str) -> tuple[str, ...]:
    """The `data:` addresses of PNGs in a text, each with `@t` (seconds) where it has a time; raises `ValueError`."""
    found = _ADDRESS.findall(text)
    if rest := _ADDRESS.sub("", text).strip(" ,;'\"[]()\n"):
        raise ValueError(f"{rest[:40]!r} is not a PNG as data:image/png;base64,…, with @seconds after it or not")
    if len(found) > MOST_PAINTS:
        raise ValueError(f"{len(found)} pictures are too many; at most {MOST_PAINTS} are taken")
    if any(len(address) * 3 // 4 > PAINT_BYTES for address in found):
        raise ValueError(f"a picture is too large; at most {PAINT_BYTES >> 10} KB are taken")
    return tuple(found)


def read_paint(text: str) -> str:
    """From `FILE` or `FILE@t` the `data:` address of that PNG, with its time. Raises `UsageError`.

    For whoever may name files of this machine: the command line and Python.
    """
    if text.startswith("data:"):
        return text
    name, time = text, ""
    if not Path(name).is_file() and (timed := re.fullmatch(r"(.+)@(\d+(?:\.\d+)?)", text)):
        name, time = timed[1], f"@{timed[2]}"
    try:
        content = Path(name).read_bytes()
    except OSError as error:
        raise UsageError(f"The painted picture {name} cannot be read.", cause=str(error)) from error
    if not content.startswith(PNG):
        raise UsageError(f"The painted picture {name} is not a PNG.")
    return f"data:image/png;base64,{base64.b64encode(content).decode()}{time}"
