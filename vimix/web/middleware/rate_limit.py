"""Who asks, and how often they did: visitors are known by a keyed hash only, and counted over a moving hour."""

import hashlib
import hmac
import ipaddress
import logging
import math
import os
import secrets
import time
from contextlib import suppress
from functools import lru_cache
from typing import Any

from limits import RateLimitItemPerHour
from limits.storage import storage_from_string
from limits.strategies import MovingWindowRateLimiter

from vimix.errors import Busy, StoreError
from vimix.settings import Settings
from vimix.web.middleware.reservations import Shares
from vimix.web.ops.metrics import REFUSED

log = logging.getLogger(__name__)

SECRET_BYTES = 32
UPLOADS_A_JOB, CONVERSIONS_A_JOB = 6, 6
"""How many uploads and conversions an hour come with each job an hour."""


VISITOR_HEADER = b"x-vimix-visitor"
"""Of a request of this server to itself: MCP's tools are run so, and come from this machine's address."""
STREAMS, STREAMS_PER_VISITOR = 2000, 24
"""Jobs that are watched at once, of all visitors and of each: a stream takes a few KB and no place of a queue."""


@lru_cache
def streams() -> Shares:
    """Of this process: who watches how many jobs."""
    return Shares(STREAMS, STREAMS_PER_VISITOR, "Too many clips are being watched at once. Close some of the pages.")


class Limiter:
    """Counts per visitor over a moving hour, in memory or, where jobs are shared, in Redis."""

    def __init__(self, settings: Settings) -> None:
        self._jobs = settings.jobs_per_hour or 0
        address = settings.redis_url.get_secret_value() or "memory://"
        self._window = MovingWindowRateLimiter(storage_from_string(address, wrap_exceptions=True))

    def job(self, visitor: str) -> None:
        """One more job. `Busy` beyond the limit; a cached answer never comes here."""
        self._count("jobs", visitor, self._jobs, "You have reached the limit of {limit} clips an hour.")

    def left(self, visitor: str) -> int | None:
        """How many jobs this visitor may still begin within the hour, none of them counted now; None: no limit."""
        if not self._jobs:
            return None
        try:
            return self._window.get_window_stats(_hourly("jobs", self._jobs), visitor).remaining
        except Exception:  # as below: nobody is turned away then
            return self._jobs

    def conversion(self, visitor: str) -> None:
        """One more format of a finished clip."""
        limit = self._jobs * CONVERSIONS_A_JOB
        self._count("conversions", visitor, limit, "You have reached the limit of {limit} conversions an hour.")

    def upload(self, visitor: str) -> None:
        """One more upload."""
        limit = self._jobs * UPLOADS_A_JOB
        self._count("uploads", visitor, limit, "You have reached the limit of {limit} files an hour.")

    def _count(self, what: str, visitor: str, limit: int, sentence: str) -> None:
        if not limit:
            return
        item = _hourly(what, limit)
        try:
            if self._window.hit(item, visitor):
                return
            wait = max(1.0, self._window.get_window_stats(item, visitor).reset_time - time.time())
        except Exception as error:  # a limit that cannot be looked up is no reason to turn people away
            log.warning("the limits cannot be reached: %s", type(error).__name__)
            return
        REFUSED.labels(what).inc()
        raise Busy(f"{sentence.format(limit=limit)} Please come back in {in_words(wait)}.", retry_after=wait)


def _hourly(what: str, limit: int) -> RateLimitItemPerHour:
    return RateLimitItemPerHour(limit, namespace=f"vimix-{what}")


def in_words(seconds: float) -> str:
    """A wait as people say it."""
    minutes = math.ceil(seconds / 60)
    if seconds < 90:
        return f"{math.ceil(seconds)} seconds"
    return f"{minutes} minutes"


@lru_cache(maxsize=8)
def limiter(settings: Settings) -> Limiter:
    """The one of these settings."""
    return Limiter(settings)


@lru_cache(maxsize=8)
def secret_of(settings: Settings) -> bytes:
    """What our hashes and signatures are keyed with: equal on all instances that share a Redis, else kept on disk."""
    if shared := settings.redis_url.get_secret_value() + settings.s3_secret_key.get_secret_value():
        return hashlib.sha256(b"vimix" + shared.encode()).digest()
    file = settings.data_dir / "secret"
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    if not file.exists():
        aside = file.with_name(f"secret.{secrets.token_hex(8)}")
        try:
            with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as new:
                new.write(secrets.token_bytes(SECRET_BYTES))
                new.flush()
                os.fsync(new.fileno())
            with suppress(FileExistsError):
                os.link(aside, file)  # whole from the first moment; of several processes, one wins
        except OSError as error:
            raise StoreError("The server's disk cannot be written.", cause=str(error)) from error
        finally:
            aside.unlink(missing_ok=True)
    secret = file.read_bytes()
    if len(secret) != SECRET_BYTES:
        raise StoreError(
            "The server's signing key is damaged.", cause=f"{file} has {len(secret)} bytes: delete it and start again"
        )
    return secret


def visitor_of(request: Any, settings: Settings) -> str:
    """Who asks, as a keyed hash: the signed-in Hugging Face account, else the address.

    `request` is Starlette's or Gradio's. Proxies append to X-Forwarded-For, and anybody can begin it: only the entry
    that our own outermost proxy wrote counts, which is `trusted_proxies` from the right. An IPv6 visitor has a whole
    /64 to choose from, so that is what is counted.
    """
    scope = getattr(getattr(request, "request", request), "scope", None) or {}
    named, _, signature = (request.headers.get(VISITOR_HEADER.decode()) or "").partition(".")
    if signature and hmac.compare_digest(signature.encode(), _signature(named, settings).encode()):
        return named
    account = (scope.get("session") or {}).get("oauth_info", {}).get("userinfo", {}).get("sub")
    name = f"account {account}" if account else f"address {_network(_address(request, settings.trusted_proxies))}"
    return hmac.new(secret_of(settings), name.encode(), "sha256").hexdigest()[:32]


def signed_visitor(visitor: str, settings: Settings) -> bytes:
    """The value of `VISITOR_HEADER` by which this server, when it calls itself for a visitor, knows whom it is for."""
    return f"{visitor}.{_signature(visitor, settings)}".encode()


def _signature(visitor: str, settings: Settings) -> str:
    return hmac.new(secret_of(settings), f"called for {visitor}".encode(), "sha256").hexdigest()


def _address(request: Any, proxies: int) -> str:
    peer = request.client.host if request.client else ""
    if not proxies:
        return str(peer)
    headers = request.headers
    lines = (
        headers.getlist("x-forwarded-for") if hasattr(headers, "getlist") else [headers.get("x-forwarded-for") or ""]
    )
    hops = [hop.strip() for line in lines for hop in line.split(",") if hop.strip()]
    return hops[-proxies] if len(hops) >= proxies else str(peer)


def _network(address: str) -> str:
    plain = address.strip().removeprefix("[").split("]")[0].split("%")[0]
    if plain.count(":") == 1:  # an IPv4 address with its port
        plain = plain.split(":")[0]
    try:
        parsed = ipaddress.ip_address(plain)
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(parsed.ipv4_mapped or ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
