"""Starts workers where they are paid by the second: the function of deploy/modal_app.py."""

import importlib
import logging
import secrets
import threading
import time
from typing import Any

from vimix.errors import StoreError, UsageError
from vimix.jobs.model import SEEN_WITHIN, JobStore
from vimix.settings import Settings

log = logging.getLogger(__name__)

PENDING = 300.0
"""Seconds for which a worker that was asked for counts as there, unless it says so itself before: pulling the image and
starting take up to two minutes. Longer would leave jobs waiting where a start failed, shorter starts one too many."""


class Modal:
    """Calls the deployed function, which works until the queue is empty."""

    def __init__(self, settings: Settings, store: JobStore) -> None:
        """Raises `UsageError` where settings or library are missing."""
        if not (settings.redis_url.get_secret_value() and settings.s3_bucket):
            raise UsageError(
                "VIMIX_MODAL needs REDIS_URL and S3_BUCKET: its workers share jobs and files through them."
            )
        try:
            self._modal: Any = importlib.import_module("modal")
        except ImportError as error:
            raise UsageError("VIMIX_MODAL needs the modal library: pip install modal.") from error
        self._store, self._most, self._lock = store, settings.modal_workers, threading.Lock()

    def wake(self) -> None:
        """Start as many workers as have something to do: unfinished jobs, at most `modal_workers`, less the slots that
        live and those that were asked for. A failure is logged: the next call tries again.

        Those asked for are in the job store under the name that the worker will have, so that every web process counts
        them, and none twice.
        """
        with self._lock:
            try:
                counts = self._store.counts(now=time.time())
                for _ in range(min(counts.queued + counts.running, self._most) - counts.slots if counts.queued else 0):
                    self._start()
            except StoreError as error:
                log.warning("Modal is not asked for workers: %s", error)

    def _start(self) -> None:
        name = f"modal.{secrets.token_hex(8)}"
        self._store.announce(name, 1, now=time.time() + PENDING - SEEN_WITHIN)
        try:
            self._modal.Function.from_name("vimix", "work").spawn(name)
        except Exception as error:  # the library's own, of many kinds
            self._store.announce(name, 0, now=time.time())
            log.warning("Modal does not start a worker: %r", error)
