"""Wakes workers that sleep where they are paid by the second: the function of deploy/modal_app.py."""

import importlib
import logging
import threading
import time
from typing import Any

from vimix.errors import UsageError
from vimix.settings import Settings

log = logging.getLogger(__name__)

_AT_MOST_EVERY = 15.0
"""Seconds: one that is woken looks by itself until nothing waits."""


class Modal:
    """Calls the deployed function, which works until the queue is empty."""

    def __init__(self, settings: Settings) -> None:
        if not (settings.redis_url.get_secret_value() and settings.s3_bucket):
            raise UsageError(
                "VIMIX_MODAL needs REDIS_URL and S3_BUCKET: its workers share jobs and files through them."
            )
        try:
            self._modal: Any = importlib.import_module("modal")
        except ImportError as error:
            raise UsageError("VIMIX_MODAL needs the modal library: pip install modal.") from error
        self._lock, self._woken = threading.Lock(), float("-inf")

    def wake(self) -> None:
        """Have one more worker, unless one was woken just now. A failure is logged: the job waits for the next ring."""
        with self._lock:
            if time.monotonic() - self._woken < _AT_MOST_EVERY:
                return
            self._woken = time.monotonic()
        try:
            self._modal.Function.from_name("vimix", "work").spawn()
        except Exception as error:  # the library's own, of many kinds
            log.warning("Modal does not wake: %r", error)
