"""The command line: `python -m vimix INPUT OUTPUT [options]`, and models, inspect, worker, sweep.

Exit codes: 0 done, 2 usage, 3 the input was refused, 4 a model or device is not available, 5 failed, 130 interrupted.
"""

import argparse
import json
import logging
import math
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import NoReturn

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy: its threads would only get in ours' way

from vimix import __version__
from vimix.errors import UsageError, VimixError, tidy
from vimix.events import Done, Note, Progress
from vimix.options import SUFFIXES, Options
from vimix.points import read_paint
from vimix.settings import Settings

INTERRUPTED = 130


class _Parser(argparse.ArgumentParser):
    """Complains in our words, and never prints a screen of usage over a typing slip."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message[:1].upper()}{message[1:]}. `python -m vimix --help` lists what there is.")


def _cut_parser() -> _Parser:
    parser = _Parser(
        "vimix",
        description="Remove the background of INPUT; the format follows the suffix of OUTPUT.",
        epilog="Also: vimix models [--fetch NAME…] · vimix inspect FILE · vimix worker · vimix sweep [--install-rule]",
    )
    parser.add_argument("input", type=Path)
    parser.add_argument("output", type=Path)
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


def cut(arguments: Sequence[str]) -> int:
    """Cut one file out."""
    asked = _cut_parser().parse_args(_with_signs(arguments))
    given = {name: value for name in Options.model_fields if (value := getattr(asked, name)) is not None}
    if "format" not in given:
        if asked.output.suffix.lower() not in SUFFIXES:
            raise UsageError(f"Name a format with --format, or end the output's name in {', '.join(SUFFIXES)}.")
        given["format"] = SUFFIXES[asked.output.suffix.lower()]
    if asked.paint:
        given["paint"] = tuple(map(read_paint, asked.paint))
    options = Options.parse(given)

    from vimix.concurrency.processes import processes
    from vimix.pipeline.request import Resources, check_target
    from vimix.pipeline.run import run  # heavy: not for --help or a typing slip

    check_target(asked.output, asked.input, options)
    resources = Resources.of(Settings.load())
    show = _json_lines if asked.json else _bar
    with processes(resources.threads), closing(run(asked.input, asked.output, options, resources)) as events:
        show(events)
    return 0


def _json_lines(events: Iterator[Note | Progress | Done]) -> None:
    for event in events:
        match event:
            case Note(text, fraction):
                line: dict[str, object] = {"event": "note", "text": text, "fraction": fraction}
            case Progress(done, total, _, step):
                line = {"event": "progress", "done": done, "total": total, "step": step}
            case Done(path, card):
                line = {"event": "done", "path": str(path), "card": card, **card}
        print(json.dumps(line), flush=True)


def _bar(events: Iterator[Note | Progress | Done]) -> None:
    """A line that rewrites itself on a terminal, and only the end elsewhere."""
    alive, began, shown = sys.stderr.isatty(), time.monotonic(), 0.0
    for event in events:
        now = time.monotonic()
        if isinstance(event, Done):
            output = event.card["output"]
            _line(
                f"{event.path.name}: {output['width']}×{output['height']}, {output['frames']} frames, "
                f"{tidy(output['seconds'], 2)} s, {tidy(output['bytes'] / 1e6, 2)} MB, in {tidy(now - began)} s",
                alive,
            )
            print(file=sys.stderr)
            for warning in event.card["warnings"]:
                print(f"Note: {warning}", file=sys.stderr)
        elif alive and now - shown > 0.1:
            shown = now
            if isinstance(event, Note):
                part = "" if event.fraction is None else f" {event.fraction:.0%}"
                _line(event.text + part, alive)
            else:
                rate = event.done / (now - began)
                left = f", {(event.total - event.done) / rate:.0f} s left" if event.total else ""
                _line(f"Frame {event.done} of {event.total or '?'}, {rate:.1f} frames/s{left}", alive)


def _line(text: str, alive: bool) -> None:
    print(f"\r\x1b[2K{text}" if alive else text, end="", file=sys.stderr, flush=True)


def models(arguments: Sequence[str]) -> int:
    """List the models, or fetch some."""
    parser = _Parser("vimix models")
    parser.add_argument("--fetch", nargs="+", metavar="NAME", help="names, or `default` for what `auto` uses")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(arguments)
    from vimix.matting import registry

    settings = Settings.load()
    for name in registry.BY_DEFAULT if asked.fetch in (["default"], ["auto"]) else asked.fetch or ():
        for note in registry.fetch(name, settings.model_dir, settings.mirrors):
            if sys.stderr.isatty():
                _line(note.text, True)
        print(f"{name}: ready", file=sys.stderr)
    if not asked.fetch:
        rows = registry.table(settings.model_dir)
        if asked.json:
            print(json.dumps(rows, indent=2))
        for row in () if asked.json else rows:
            print(f"{row['name']:24} {'here' if row['fetched'] else '—':5} {row['licence']:28} {row['about']}")
    return 0


def inspect(arguments: Sequence[str]) -> int:
    """Print what a file is, as a card."""
    parser = _Parser("vimix inspect")
    parser.add_argument("file", type=Path)
    from vimix.pipeline.card import inspect as read_back

    print(json.dumps(read_back(parser.parse_args(arguments).file), indent=2))
    return 0


def worker(arguments: Sequence[str]) -> int:
    """Work on the jobs of a shared queue until told to stop."""
    parser = _Parser("vimix worker")
    parser.add_argument(
        "--max-age",
        type=_seconds,
        default=math.inf,
        metavar="SECONDS",
        help="have ended after so many seconds: no job is taken in the second half, what still runs is handed back",
    )
    parser.add_argument("--health", type=int, metavar="PORT", help="serve /healthz, /readyz and /metrics there")
    asked = parser.parse_args(arguments)
    from vimix.web.ops.worker import work

    settings = Settings.load()
    if asked.health is not None:
        settings = settings.model_copy(update={"health_port": asked.health})
    return work(settings, max_age=asked.max_age)


def _seconds(text: str) -> float:
    if not 0 < (seconds := float(text)) < math.inf:
        raise ValueError(text)
    return seconds


def sweep(arguments: Sequence[str]) -> int:
    """Delete what is older than its day, once."""
    parser = _Parser("vimix sweep")
    parser.add_argument("--install-rule", action="store_true", help="have the bucket delete by itself, as a net")
    asked = parser.parse_args(arguments)
    from vimix.web.ops.cleanup import sweep_from_command

    return sweep_from_command(Settings.load(), install_rule=asked.install_rule)


COMMANDS: dict[str, Callable[[Sequence[str]], int]]
COMMANDS = {"models": models, "inspect": inspect, "worker": worker, "sweep": sweep}


def main(arguments: Sequence[str]) -> int:
    """Run one command; every failure of ours is one sentence on stderr and an exit code."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        if arguments and arguments[0] in COMMANDS:
            return COMMANDS[arguments[0]](arguments[1:])
        return cut(arguments)
    except VimixError as error:
        logging.getLogger("vimix").info("%s", error)
        print(error.public, file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("Interrupted; nothing was left behind.", file=sys.stderr)
        return INTERRUPTED
    except OSError as error:  # of our own words: what is done with files is explained where it is done
        with suppress(OSError):
            print(f"Reading or writing failed: {error.strerror}.", file=sys.stderr)
        return 5


if __name__ == "__main__":
    while os.open(os.devnull, os.O_RDWR) <= 2:  # no file of ours may become stdin, stdout or stderr
        pass
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115  until the end
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)
    sys.exit(main(sys.argv[1:]))
