"""Fetches the weights that `auto` uses when a process starts, so that it is ready before the first job asks."""

import logging
import threading
import time

from vimix.errors import VimixError
from vimix.matting import registry
from vimix.settings import Settings

log = logging.getLogger(__name__)

AGAIN = (10.0, 60.0, 300.0)
"""Seconds until the next attempt where none of the mirrors gave a file; the last one over and over."""
STATE: dict[str, str] = {}
"""What is being fetched, and how far that is; for `/readyz`."""


def begin(settings: Settings, *, slots: int) -> None:
    """In the background, for processes that have `slots` for jobs; what is there already is not fetched."""
    missing = [name for name in registry.BY_DEFAULT if not registry.find(name).is_here(settings.model_dir)]
    if slots and missing:
        threading.Thread(target=_fetch_all, args=(settings, missing), name="prefetch", daemon=True).start()


def _fetch_all(settings: Settings, names: list[str]) -> None:
    for name in names:
        attempt = 0
        while not _fetched(settings, name):
            time.sleep(AGAIN[min(attempt, len(AGAIN) - 1)])
            attempt += 1


def _fetched(settings: Settings, name: str) -> bool:
    began = time.monotonic()
    try:
        for note in registry.fetch(name, settings.model_dir, settings.mirrors):
            STATE[name] = note.text + ("" if note.fraction is None else f" {note.fraction:.0%}")
    except VimixError as error:
        STATE[name] = error.public
        log.warning("the weights of %s could not be fetched; they are tried again: %s", name, error)
        return False
    except Exception:
        STATE[name] = "Fetching failed; the log says why."
        log.exception("the weights of %s could not be fetched; they are tried again", name)
        return False
    STATE.pop(name, None)
    log.info("the weights of %s were fetched in %.0f s", name, time.monotonic() - began)
    return True
