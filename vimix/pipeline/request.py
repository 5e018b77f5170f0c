"""A clip and what is to be made of it: the value that every step of a run gets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from vimix.background import BackgroundFile
from vimix.concurrency.threads import cores
from vimix.errors import UsageError
from vimix.frame import Stage
from vimix.matting.engine import Decontaminate
from vimix.matting.networks.batching import FIGURES, Figures
from vimix.matting.video import marked_regions
from vimix.matting.video.corrections import Correction
from vimix.media.decode import Source, open_source
from vimix.media.limits import Limits
from vimix.options import SUFFIXES, Crop, Options
from vimix.pipeline import presets
from vimix.pipeline.timings import Clock
from vimix.refine.quality import Watch
from vimix.settings import Settings


@dataclass(frozen=True, slots=True)
class Resources:
    """What this machine has to work with."""

    model_dir: Path
    mirrors: tuple[str, ...] = ()
    device: str = "auto"
    limits: Limits = field(default_factory=Limits)
    threads: int = field(default_factory=cores)

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """As a deployment's settings say."""
        limits = Limits(
            max_seconds=settings.max_seconds,
            max_pixels=settings.max_pixels,
            max_frames=settings.max_frames,
            max_bytes=settings.max_upload_mb * 2**20,
        )
        return cls(settings.model_dir, settings.mirrors, settings.device, limits)


@dataclass(frozen=True, slots=True)
class Request:
    """An opened clip and what is to be made of it."""

    clip: Path
    source: Source
    options: Options
    target: presets.Target | None
    resources: Resources
    warnings: list[str]
    max_fps: float | None = None
    """Frames a second to keep at most, where the matte was made for more."""
    clock: Clock = field(default_factory=Clock)
    watch: Watch = field(default_factory=Watch)
    batches_before: Figures = field(default_factory=FIGURES.copy)
    """What had run on a GPU in this process when the request was opened."""

    def on_gpu(self) -> dict[str, float]:
        """What this request has run on a GPU: batches, pictures in them, and the seconds in which it was busy."""
        spent = FIGURES.since(self.batches_before)
        if not spent.batches:
            return {}
        return {"batches": spent.batches, "pictures": spent.pictures, "seconds": round(spent.seconds, 3)}

    @property
    def needs_whole_matte(self) -> bool:
        """Whether something must be known of every frame before the first is written."""
        return self.target is not None or self.crop != "none" or bool(self.corrections)

    @property
    def crop(self) -> Crop:
        """How the result is cropped: of a sticker or an emoji nothing but the subject is wanted, unless it is said."""
        if self.options.crop != "auto":
            return self.options.crop
        return "subject" if self.target and self.target.canvas else "none"

    @property
    def corrections(self) -> tuple[Correction, ...]:
        """What somebody said of single frames. Raises `Refused` for a painted picture that cannot be read."""
        return corrections_of(self.options)


def corrections_of(options: Options) -> tuple[Correction, ...]:
    """Clicks on what is not meant, and painted strokes, by seconds from the first frame that is left after trimming."""
    clicks = (Correction(max(0.0, point.time - options.start), unwanted=(point,)) for point in options.unwanted)
    painted = ((time, paint) for time, paint in map(marked_regions.read, options.paint))
    return (*clicks, *(Correction(max(0.0, time - options.start), paint=paint) for time, paint in painted))


@dataclass(frozen=True, slots=True)
class Plan:
    """How the matte is made: the stages, and what the card says of them."""

    model: str
    engine: Mapping[str, str]
    """runtime, device, precision, and why they were chosen."""
    stages: Sequence[Stage]
    """From decoded frames to frames with their matte."""
    decontaminate: Decontaminate | None = None
    """Takes the background's colour out of the subject's edges, where the engine knows that colour."""


def check_target(out: Path, clip: Path, options: Options) -> None:
    """Raise `UsageError` where a result at `out` has no folder, would replace what it is made from or what is no file,
    or would not be what its preset takes."""
    target = presets.parse_fit(options.fit) if options.fit else None
    if target and target.formats and options.format not in target.formats:
        suffix = next(suffix for suffix, format in SUFFIXES.items() if format == target.formats[0])
        raise UsageError(
            f"{target.label} needs {' or '.join(target.formats)}: give the output a name that ends in {suffix}."
        )
    if not out.parent.is_dir():
        raise UsageError(f"There is no folder {out.parent} to write to.")
    if out.exists() and not out.is_file():
        raise UsageError(f"{out} is not a file, so the result cannot take its place.")
    sources = [clip]
    if isinstance(options.background, BackgroundFile):
        sources.append(Path(options.background.name))
    if out.exists() and any(file.exists() and file.samefile(out) for file in sources):
        raise UsageError("The result would replace what it is made from: give it another name.")


def open_request(clip: Path, options: Options, resources: Resources, about: Mapping[str, Any] | None) -> Request:
    """Open the clip for what was asked; `about` is the header of the stored matte that will be played back, if any.

    Raises `Refused` for a clip that is not taken, `UsageError` for options that contradict each other or the clip.
    """
    if isinstance(options.background, BackgroundFile) and not Path(options.background.name).is_file():
        raise UsageError("The background is neither transparent, a colour (#rrggbb), blur nor a file that is there.")
    target = presets.parse_fit(options.fit) if options.fit else None
    applied = presets.apply_fit(options)
    options, warnings = applied.options, applied.remarks
    max_fps = options.max_fps if about is None else about["fps"]
    source = open_source(
        clip,
        max_fps=max_fps,
        start=options.start,
        end=options.end,
        max_width=options.working_width,
        limits=resources.limits,
    )
    if applied.trimmed and source.end < (source.original.seconds or 0):
        warnings.append(applied.trimmed)
    target = target and target.of(source.info.frames)
    lower = options.max_fps if max_fps != options.max_fps else None
    return Request(clip, source, options, target, resources, warnings, lower)
