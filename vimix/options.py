"""What was asked for, as one frozen value: the same names in Python, on the command line, over the API and in JSON.

`Options` is canonical: two requests that mean the same work serialise to the same bytes, so `Options.digest()` can
name results. Each field says what it affects (`Affects`): `matting()` is the part that decides the matte, and so which
stored matte can be reused; the rest is finishing and encoding, which cost no inference.

Every interface makes its options with `to_options`.
"""

import hashlib
import re
from collections.abc import Mapping
from enum import Enum
from typing import Annotated, Literal, Self, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    field_validator,
    model_validator,
)

from vimix.background import Background, Transparent, parse_background
from vimix.errors import UsageError
from vimix.points import Point, parse_paints

Quality = Literal["fast", "balanced", "best"]
Format = Literal[
    "webp", "webm", "gif", "apng", "mov", "hevc", "png-zip", "mp4", "matte", "stacked", "bundle", "sprites"
]  # fmt: skip
Refine = Literal["off", "clean", "matting"]
Crop = Literal["auto", "none", "subject", "9:16", "1:1", "16:9"]
Loop = Literal["source", "forever", "once", "ping-pong"]

FORMATS: tuple[Format, ...] = get_args(Format)
SUFFIXES: dict[str, Format] = {
    ".webp": "webp", ".webm": "webm", ".gif": "gif", ".png": "apng", ".apng": "apng", ".mov": "mov", ".zip": "png-zip",
    ".mp4": "mp4",
}  # fmt: skip
"""The format that the suffix of a file name asks for."""
SHORT_FPS = 20
"""Frames a second at most, unless asked for: formats that store whole pictures grow with every frame."""
LEAST_WORKING_WIDTH = 1280
"""Pixels. A matte made narrower than this would have to be made again for most larger results."""
PICTURE_FORMATS: frozenset[Format] = frozenset({"webp", "gif", "apng", "sprites"})


class Affects(Enum):
    """What an option has an effect on: metadata of the fields of `Options`."""

    MATTE = "matte"
    """The matte: another value needs inference."""
    FINISH = "finish"
    """What is made of clip and matte: a finished job can be converted to another value."""


def _png_is_apng(value: object) -> object:
    """An APNG of one picture is a plain PNG, so both names mean the same."""
    return "apng" if value == "png" else value


def _blank_to_none(value: object) -> object:
    return None if isinstance(value, str) and value.strip().lower() in ("", "none") else value


class Options(BaseModel):
    """How a clip is to be cut out and what file it is to become. Raises `UsageError` through `parse` only."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)

    model: Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,40}(:[A-Za-z0-9_.-]{1,60})?$"), Affects.MATTE] = "auto"
    """`auto`, a name of the catalogue, or `rembg:` and the name of a session of rembg."""
    quality: Annotated[Quality, Affects.MATTE] = "balanced"
    """`fast`, `balanced` or `best`."""
    format: Annotated[Format, BeforeValidator(_png_is_apng), Affects.FINISH] = "webp"
    """The kind of file: by default the one that the output's name asks for. `png` is another name of `apng`: a still
    becomes a plain PNG."""
    fps: Annotated[float | Literal["source"] | None, BeforeValidator(_blank_to_none), Affects.MATTE, Affects.FINISH] = (
        None
    )
    """1-60 frames a second, `source` for the clip's own timing; unset: all that the clip has, or 20 at most in
    formats that store whole pictures."""
    width: Annotated[
        Annotated[int, Field(ge=16, le=3840)] | None, BeforeValidator(_blank_to_none), Affects.MATTE, Affects.FINISH
    ] = None
    """Pixels; the height follows."""
    start: Annotated[float, Field(ge=0), Affects.MATTE] = 0.0
    """Seconds from which to begin."""
    end: Annotated[Annotated[float, Field(gt=0)] | None, BeforeValidator(_blank_to_none), Affects.MATTE] = None
    """Seconds at which to stop; unset: at the end."""
    background: Annotated[
        Background, BeforeValidator(parse_background), PlainSerializer(str, return_type=str), Affects.FINISH
    ] = Transparent()
    """`transparent`, `#rrggbb`, `blur`, or an image or video file."""
    refine: Annotated[Refine, Affects.MATTE, Affects.FINISH] = "clean"
    """`clean` takes the old background's colour out of the edges; `matting` also solves them in closed form."""
    point: Annotated[tuple[str, ...], Affects.MATTE, Affects.FINISH] = ()
    """`x,y` or `x,y,t` (a click), or `x0,y0,x1,y1` with or without `,t` (a box): the subject to keep, or with a minus
    before it (`-0.3,0.8,1.5`) what is not meant. Fractions of the picture, and seconds."""
    paint: Annotated[tuple[str, ...], Affects.FINISH] = ()
    """A PNG with green where the picture is to be kept, red where it is to be removed, transparent elsewhere: `FILE` or
    `FILE@t` (seconds); over the API a `data:image/png;base64,` address."""
    steady: Annotated[float, Field(ge=0, le=1), Affects.MATTE] = 0.5
    """How much flicker is reduced, 0-1."""
    lossless: Annotated[bool, Affects.FINISH] = False
    """Every visible pixel as it is, in a larger file."""
    encode_quality: Annotated[int, Field(ge=1, le=100), Affects.FINISH] = 80
    """1-100, for formats that lose something."""
    fit: Annotated[str | None, BeforeValidator(_blank_to_none), Affects.FINISH] = None
    """A preset's name or a byte budget such as `500KB`."""
    crop: Annotated[Crop, Affects.FINISH] = "auto"
    """`subject`: one box around the subject over the whole clip; `9:16`, `1:1`, `16:9`: that shape, following the
    subject smoothly, with clear room where it would be cut; `auto`: `subject` for stickers and emoji, else `none`."""
    stroke: Annotated[int, Field(ge=0, le=64), Affects.FINISH] = 0
    """Pixels of white outline."""
    shadow: Annotated[int, Field(ge=0, le=64), Affects.FINISH] = 0
    """Pixels of soft shadow."""
    invert: Annotated[bool, Affects.FINISH] = False
    """Keep the background and remove the subject."""

    loop: Annotated[Loop, Affects.FINISH] = "source"
    """How often GIF, WebP and APNG play: `source` as often as the clip says, else for ever; `forever`; `once`;
    `ping-pong` forwards and backwards for ever, without sound."""

    @classmethod
    def parse(cls, given: Mapping[str, object]) -> Self:
        """Options from loose values, every fault in one `UsageError`."""
        try:
            return cls.model_validate(dict(given))
        except ValidationError as error:
            faults = (
                "".join(f"{part}: " for part in fault["loc"][:1]) + fault["msg"].removeprefix("Value error, ")
                for fault in error.errors(include_url=False)
            )
            raise UsageError("; ".join(dict.fromkeys(faults)) + ".") from error

    @field_validator("fps")
    @classmethod
    def _fps_in_range(cls, fps: float | str | None) -> float | str | None:
        if isinstance(fps, float) and not 1 <= fps <= 60:
            raise ValueError("must be from 1 to 60, or 'source'")
        return fps

    @field_validator("point", mode="before")
    @classmethod
    def _points(cls, given: object) -> object:
        """Accepts one string or many; every number canonical, so that equal clicks are equal text."""
        texts = re.findall(r"[^][()'\";]+", str(given))  # a list may come as its text: "['0.5,0.5', '0.2,0.3,1']"
        return tuple(str(Point.parse(text)) for text in texts if text.strip(" ,"))

    @field_validator("paint", mode="before")
    @classmethod
    def _paints(cls, given: object) -> object:
        """Accepts one address or many. Files are read before, by whoever may: never by a name that a stranger sent."""
        text = given if isinstance(given, str) else " ".join(map(str, given)) if isinstance(given, list | tuple) else ""
        return parse_paints(text)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.end is not None and self.end <= self.start:
            raise ValueError("end must be after start")
        if self.format == "mp4" and isinstance(self.background, Transparent):
            raise ValueError("mp4 has no transparency: choose a background (a colour, blur, an image or a video)")
        return self

    @property
    def points(self) -> tuple[Point, ...]:
        """The clicks and boxes on what is to be kept, in order of time."""
        return tuple(point for point in self._all_points if point.keep)

    @property
    def unwanted(self) -> tuple[Point, ...]:
        """The clicks and boxes on what is not meant, in order of time."""
        return tuple(point for point in self._all_points if not point.keep)

    @property
    def _all_points(self) -> list[Point]:
        return sorted((Point.parse(text) for text in self.point), key=lambda point: point.time)

    @property
    def max_fps(self) -> float | None:
        """Frames a second to resample to at most; None keeps the clip's own timing."""
        if self.fps == "source":
            return None
        if self.fps is None:
            return SHORT_FPS if self.format in PICTURE_FORMATS else None
        return float(self.fps)

    @property
    def working_width(self) -> int | None:
        """Pixels of width at which the matte is made at most; None: the clip's own. A small result keeps a matte
        that is good enough to be saved larger later."""
        return None if self.width is None else max(self.width, LEAST_WORKING_WIDTH)

    def matting(self) -> dict[str, object]:
        """The part that decides the matte, JSON-able. `refine` counts only as matting or not; what is removed from a
        matte by clicks is removed afterwards."""
        chosen = self.model_dump(mode="json", include=set(affecting(Affects.MATTE)))
        chosen["fps"] = self.max_fps
        chosen["refine"] = self.refine == "matting"
        chosen["point"] = [str(point) for point in self.points]
        chosen["width"] = self.working_width
        return chosen

    def digest(self) -> str:
        """A hash (hex, 64 characters) equal for equal work."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


def affecting(what: Affects) -> tuple[str, ...]:
    """The names of the options that affect it, in their order."""
    return tuple(name for name, field in Options.model_fields.items() if what in field.metadata)


def said(given: Mapping[str, object]) -> dict[str, object]:
    """The loose values without those that say nothing: None and empty text, which forms and query strings send."""
    return {name: value for name, value in given.items() if value is not None and value != ""}


def to_options(given: Mapping[str, object], *, background_file: str | None = None) -> Options:
    """Options from the loose values of any interface: text, numbers, JSON.

    `background_file` names a file that was sent beside them and takes the place of `background`. Values that say
    nothing (None, empty text) leave the default. Raises `UsageError` with every fault at once.
    """
    return Options.parse(said({**given, "background": background_file or given.get("background")}))
