"""The command line: `python -m vimix INPUT OUTPUT [options]`, several inputs with `--out FOLDER`, `--watch FOLDER`, and
models, inspect, worker, sweep.

Exit codes: 0 done, 2 usage, 3 the input was refused, 4 a model or device is not available, 5 failed, 130 interrupted.
"""

import json
import logging
import math
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy: its threads would only get in ours' way

from vimix.cli.arguments import Parser
from vimix.cli.cut import INTERRUPTED, cut
from vimix.cli.show import line, message_and_code
from vimix.errors import VimixError
from vimix.settings import Settings


def models(arguments: Sequence[str]) -> int:
    """List the models, or fetch some."""
    parser = Parser("vimix models")
    parser.add_argument("--fetch", nargs="+", metavar="NAME", help="names, or `default` for what `auto` uses")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(arguments)
    from vimix.matting import registry

    settings = Settings.load()
    for name in registry.BY_DEFAULT if asked.fetch in (["default"], ["auto"]) else asked.fetch or ():
        for note in registry.fetch(name, settings.model_dir, settings.mirrors):
            if sys.stderr.isatty():
                line(note.text)
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
    parser = Parser("vimix inspect")
    parser.add_argument("file", type=Path)
    from vimix.pipeline.card import inspect as read_back

    print(json.dumps(read_back(parser.parse_args(arguments).file), indent=2))
    return 0


def worker(arguments: Sequence[str]) -> int:
    """Work on the jobs of a shared queue until told to stop."""
    parser = Parser("vimix worker")
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
    parser = Parser("vimix sweep")
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
    except KeyboardInterrupt:
        print("Interrupted; nothing was left behind.", file=sys.stderr)
        return INTERRUPTED
    except (VimixError, OSError) as error:  # what is done with files is explained where it is done
        logging.getLogger("vimix").info("%s", error)
        sentence, code = message_and_code(error)
        with suppress(OSError):
            print(sentence, file=sys.stderr)
        return code


if __name__ == "__main__":
    while os.open(os.devnull, os.O_RDWR) <= 2:  # no file of ours may become stdin, stdout or stderr
        pass
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115  until the end
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)
    sys.exit(main(sys.argv[1:]))
