"""Logs for machines: one JSON object a line, with the job's number, without secrets, addresses or visitors' file names.

Everything goes through one formatter, tracebacks and uvicorn's lines too, so that what must not be said is taken out
in one place, whoever said it.
"""

import io
import json
import logging
import re
import sys
import threading
from datetime import UTC, datetime
from typing import TextIO
from urllib.parse import quote, urlsplit

from uvicorn.config import LOGGING_CONFIG

from vimix.settings import Settings
from vimix.web.ops.cleanup import upload_folder

_JOB = re.compile(r"\b[0-9a-f]{32}\b")
_ADDRESS = re.compile(
    r"\b(?!127\.0\.0\.1\b|0\.0\.0\.0\b)(?:\d{1,3}\.){3}\d{1,3}\b|(?<![\w:])(?:[0-9a-f]{1,4}:){3,7}[0-9a-f:]*[0-9a-f]",
    re.I,
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
"""What a terminal would obey, or a reader of lines take for the end of one."""
_SIGNED = re.compile(r"((?:X-Amz-Signature|X-Amz-Credential|signature|token)=)[^&\s'\"]+", re.IGNORECASE)
_TALKATIVE = ("botocore", "boto3", "s3transfer", "urllib3", "httpx", "httpcore", "docket", "asyncio")


class _Output(io.TextIOBase):
    """A stream whose lines become log records."""

    def __init__(self) -> None:
        self._part = ""
        self._lock = threading.RLock()

    def write(self, text: str) -> int:
        with self._lock:
            *lines, self._part = (self._part + text).split("\n")
            for line in filter(str.strip, lines):
                logging.getLogger("vimix.output").info("%s", line)
        return len(text)

    def writable(self) -> bool:
        return True


def capture_output() -> None:
    """Send what libraries print, tracebacks of threads too, through the formatter; not where a person reads it."""
    if not sys.stderr.isatty():
        logging.raiseExceptions = False  # a handler that fails would write here, and so call itself
        sys.stdout = sys.stderr = _Output()


class Lines(logging.Formatter):
    """A record as a line of JSON; `plain` for a person at a terminal."""

    def __init__(self, settings: Settings, *, plain: bool = False) -> None:
        super().__init__("%(levelname)s %(name)s: %(message)s")
        self._plain = plain
        redis = settings.redis_url.get_secret_value()
        known = [redis, urlsplit(redis).password or ""]
        known += [settings.s3_access_key.get_secret_value(), settings.s3_secret_key.get_secret_value()]
        texts = {text for secret in known if len(secret) > 3 for text in (secret, quote(secret, safe=""))}
        self._secrets = re.compile("|".join(map(re.escape, sorted(texts, key=len, reverse=True))) or r"(?!)")
        self._uploads = re.compile(re.escape(str(upload_folder(settings).resolve())) + r"/[^'\"\n]+")

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        if self._plain:
            return self._clean(super().format(record))
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self._clean(record.getMessage()),
        }
        if found := _JOB.search(line["message"]):
            line["job"] = found[0]
        if record.exc_info:
            line["error"] = self._clean(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False)

    def _clean(self, text: str) -> str:
        text = _CONTROL.sub(" ", text)
        text = self._uploads.sub("[upload]", self._secrets.sub("[secret]", text))
        return _ADDRESS.sub("[address]", _SIGNED.sub(r"\1[secret]", text))


def configure(settings: Settings, stream: TextIO = sys.stderr) -> None:
    """Send all logs of this process through `Lines`."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(Lines(settings, plain=stream.isatty()))
    logging.captureWarnings(True)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("vimix").setLevel(logging.INFO)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    for logger in LOGGING_CONFIG["loggers"].values():  # uvicorn brings handlers of its own
        logger |= {"handlers": [], "propagate": True}
