"""One clip, or several and whole folders of them, on the command line."""

import sys
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

from vimix.cli.arguments import Asked, parse
from vimix.cli.show import Failure, Place, as_json, as_line, event, message_and_code, said
from vimix.errors import UsageError, VimixError
from vimix.events import Done, Note, Progress
from vimix.options import Options
from vimix.settings import Settings

INTERRUPTED = 130
CLIPS = frozenset(
    f".{suffix}"
    for suffix in "mp4 m4v mov webm mkv avi gif webp png apng jpg jpeg heic heif avif".split()  # noqa: SIM905  read as one
)
"""Suffixes of the files that are taken out of a folder. A file that is named itself may have any."""


def cut(arguments: Sequence[str]) -> int:
    """Cut out one clip, several, or what comes into a folder; the exit code."""
    asked = parse(arguments)
    if asked.out is not None:
        folder_for(asked.out)
    if asked.watch is not None and asked.out is not None:
        from vimix.cli.watch import watch

        return watch(asked.watch, asked.out, asked.options, json=asked.json)
    from vimix.concurrency.processes import processes
    from vimix.pipeline.request import Resources, check_target
    from vimix.pipeline.run import run  # heavy: not for --help or a typing slip

    resources = Resources.of(Settings.load())
    if asked.out is not None:
        clips = list(found(asked.files))
        with processes(resources.threads):
            return _several(asked, clips, asked.out)
    clip, out = asked.files
    check_target(out, clip, asked.options)
    show = as_json if asked.json else as_line
    with processes(resources.threads), closing(run(clip, out, asked.options, resources)) as events:
        show(events)
    return 0


def attempt(clip: Path, out: Path, options: Options) -> Generator[Note | Progress | Done | Failure, None, None]:
    """Cut out one of several: a failure is an event too."""
    from vimix.pipeline.request import Resources, check_target
    from vimix.pipeline.run import run

    try:
        check_target(out, clip, options)
        yield from run(clip, out, options, Resources.of(Settings.load()))
    except (VimixError, OSError) as error:
        yield Failure(*message_and_code(error))


def found(paths: Iterable[Path]) -> Iterator[Path]:
    """The files, and those of the folders by their names; each once. Raises `UsageError` for a folder without any."""
    seen: set[Path] = set()
    for path in paths:
        clips = clips_of(path) if path.is_dir() else [path]
        if not clips:
            raise UsageError(f"There is no video or picture in the folder {path}.")
        for clip in clips:
            if clip.resolve() not in seen:
                seen.add(clip.resolve())
                yield clip


def clips_of(folder: Path) -> list[Path]:
    """The videos and pictures that lie in a folder itself, by name. Raises `OSError`."""
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in CLIPS and not path.name.startswith(".") and path.is_file()
    )


def named(clip: Path, folder: Path, suffix: str, taken: set[str]) -> Path:
    """A name in `folder` for the result of a clip, which is none of `taken` and becomes one: the second `walk` is
    `walk-2`. Names count as equal whatever their case, as on macOS."""
    name, number = clip.stem + suffix, 1
    while name.casefold() in taken:
        number += 1
        name = f"{clip.stem}-{number}{suffix}"
    taken.add(name.casefold())
    return folder / name


def folder_for(out: Path) -> None:
    """Make the folder for results if it is not there. Raises `UsageError` where that is not possible."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"There can be no folder {out} for the results: {error.strerror}.") from error


def _several(asked: Asked, clips: list[Path], out: Path) -> int:
    from vimix.sinks import FORMATS

    taken = {clip.name.casefold() for clip in clips if clip.parent.resolve() == out.resolve()}  # no clip is replaced
    suffix, codes = FORMATS[asked.options.format].suffix, list[int]()
    show = as_json if asked.json else as_line
    try:
        for number, clip in enumerate(clips):
            with closing(attempt(clip, named(clip, out, suffix, taken), asked.options)) as events:
                codes.append(show(events, Place(clip, number, len(clips))))
    except KeyboardInterrupt:
        print("Interrupted; finished results stay, nothing half-written was left behind.", file=sys.stderr)
        return INTERRUPTED
    if asked.json:
        event("end", done=codes.count(0), of=len(codes), code=max(codes))
    else:
        said(f"{codes.count(0)} of {len(codes)} done.")
    return max(codes)
