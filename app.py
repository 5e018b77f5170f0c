"""Vimix as a web page: settings from the environment, then serve."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from vimix.errors import VimixError
from vimix.settings import Settings


@contextlib.contextmanager
def _proxies_hidden() -> Iterator[None]:
    """While Gradio is imported: it opens a client then, which stumbles over a SOCKS proxy, and never uses it."""
    hidden = {name: os.environ.pop(name) for name in list(os.environ) if name.lower() == "all_proxy"}
    try:
        yield
    finally:
        os.environ |= hidden


def main() -> int:
    """Serve until interrupted."""
    here = str(Path(__file__).resolve().parent)  # the processes that do the work find us there, wherever we are started
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH")]))
    try:
        settings = Settings.load()
        with _proxies_hidden():
            from vimix.web.app import launch
        launch(settings)
    except VimixError as error:
        print(error.public, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
