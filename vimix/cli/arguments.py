"""What the command line takes to cut out, read and checked: files, where to, and the options of `vimix.Options`."""

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from vimix import __version__
from vimix.errors import UsageError
from vimix.options import SUFFIXES, Options
from vimix.points import read_paint

DESCRIPTION = "Remove the background of INPUT; the format follows the suffix of OUTPUT."
EPILOG = """\
Several: vimix FILES_AND_FOLDERS… --out FOLDER [--format FORMAT] · vimix --watch FOLDER --out FOLDER
Also: vimix models [--fetch NAME…] · vimix inspect FILE · vimix worker · vimix sweep [--install-rule]"""


class Parser(argparse.ArgumentParser):
    """Complains in our words, and never prints a screen of usage over a typing slip."""

    def error(self, message: str) -> NoReturn:
        """Raise `UsageError` instead of ending the process."""
        raise UsageError(f"{message[:1].upper()}{message[1:]}. `python -m vimix --help` lists what there is.")


@dataclass(frozen=True, slots=True)
class Asked:
    """A command to cut out."""

    files: tuple[Path, ...]
    out: Path | None
    """The folder for several results."""
    watch: Path | None
    json: bool
    options: Options


def parse(arguments: Sequence[str]) -> Asked:
    """The command. Raises `UsageError` for one that cannot be understood."""
    asked = _parser().parse_intermixed_args(_with_signs(arguments))
    given = {name: value for name in Options.model_fields if (value := getattr(asked, name, None)) is not None}
    if given.get("paint"):
        given["paint"] = tuple(map(read_paint, given["paint"]))
    if asked.watch is not None and (asked.out is None or asked.files):
        raise UsageError("--watch takes a folder and --out FOLDER for its results, and no other files.")
    if asked.out is None and len(asked.files) != 2:
        raise UsageError("Name an input and an output, or several inputs and --out FOLDER for their results.")
    if asked.out is None and "format" not in given:
        given["format"] = _format_of(asked.files[1])
    return Asked(tuple(asked.files), asked.out, asked.watch, asked.json, _options(given))


def _options(given: dict[str, Any]) -> Options:
    """A preset names the format where nothing else does; one that it does not take is refused before any work."""
    options = Options.parse(given)
    if not options.fit:
        return options
    from vimix.pipeline.presets import parse_fit  # heavy: not for --help or a typing slip

    target = parse_fit(options.fit)
    if not target.formats or options.format in target.formats:
        return options
    if "format" not in given:
        return Options.parse({**given, "format": target.formats[0]})
    suffix = next(suffix for suffix, format in SUFFIXES.items() if format == target.formats[0])
    raise UsageError(
        f"{target.label} needs {' or '.join(target.formats)}: "
        f"give --format {target.formats[0]}, or the output a name that ends in {suffix}."
    )


def _format_of(output: Path) -> str:
    if output.suffix.lower() not in SUFFIXES:
        raise UsageError(f"Name a format with --format, or end the output's name in {', '.join(SUFFIXES)}.")
    return SUFFIXES[output.suffix.lower()]


def _parser() -> Parser:
    parser = Parser(
        "vimix", description=DESCRIPTION, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", type=Path, nargs="*", metavar="INPUT OUTPUT", help="or several files and folders")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="for the results of several files and folders")
    parser.add_argument("--watch", type=Path, metavar="FOLDER", help="cut out what is put there, until interrupted")
    parser.add_argument("--json", action="store_true", help="one JSON event a line, the card last")
    parser.add_argument("--version", action="version", version=__version__)
    for name, about in Options.model_fields.items():
        flag, text = "--" + name.replace("_", "-"), (about.description or "").replace("`", "").replace("%", "%%")
        if about.annotation is bool:
            parser.add_argument(flag, dest=name, action="store_true", default=None, help=text)
        elif name == "point":
            parser.add_argument(flag, dest=name, action="append", metavar="[-]X,Y[,T]", help=text)
        elif name == "paint":
            parser.add_argument(flag, dest=name, action="append", metavar="FILE[@T]", help=text)
        else:
            parser.add_argument(flag, dest=name, metavar="VALUE", help=text)
    return parser


def _with_signs(arguments: Sequence[str]) -> list[str]:
    """`--point -0.3,0.8` written `--point=-0.3,0.8`, because argparse takes a leading minus for an option."""
    joined: list[str] = []
    for argument in arguments:
        if joined and joined[-1] == "--point" and re.match(r"-[\d.]", argument):
            joined[-1] += f"={argument}"
        else:
            joined.append(argument)
    return joined
