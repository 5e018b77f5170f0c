"""Vimix as a web page: settings from the environment, then serve."""

import sys

from vimix.errors import VimixError
from vimix.settings import Settings


def main() -> int:
    """Serve until interrupted."""
    try:
        settings = Settings.load()
        from vimix.web.app import launch

        launch(settings)
    except VimixError as error:
        print(error.public, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
