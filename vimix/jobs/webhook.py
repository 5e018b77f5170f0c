"""Telling an address that a job has ended: signed after the Standard Webhooks specification, and tried again for a day.

What is to be told is part of the job's record, so it outlives this process, and any process of the deployment may send
it. A receiver gets it at least once, and knows by `webhook-id` what it had already.
"""

import asyncio
import base64
import binascii
import hashlib
import hmac
import json
import logging
import time
from contextlib import suppress
from datetime import UTC, datetime
from http import HTTPStatus

import httpx

from vimix.errors import StoreError, UsageError
from vimix.jobs.model import ENDED, Job, JobStore
from vimix.public_network import NotPublic, client_to, is_web_address, public_address
from vimix.settings import Settings

log = logging.getLogger(__name__)

PAUSES = (5.0, 30.0, 120.0, 600.0, 3600.0, 4 * 3600.0, 12 * 3600.0)
"""Seconds from one try to the next; after the last it is given up. Receivers that restart or are deployed are reached
within minutes, and those that are down for a night as well."""
LOOK_EVERY = 1.0
"""Seconds between looks for what is to be told; each is one query."""
WITHIN = 15.0
"""Seconds a receiver has to answer."""
AT_ONCE = 8
"""Receivers told at once by one process: a slow one holds up no more than its own place."""
LONGEST = 2000
"""Characters of an address."""


def checked_address(address: str, settings: Settings) -> str:
    """The address to tell when a job ends; "" for none. Raises `UsageError` where it cannot be told."""
    if not address:
        return ""
    if not settings.webhook_secret.get_secret_value():
        raise UsageError("This server tells no addresses: its operator has to set VIMIX_WEBHOOK_SECRET for that.")
    if len(address) > LONGEST or not is_web_address(address):
        raise UsageError("notify must be an http or https address.")
    return address


def signature(secret: str, message: str, timestamp: int, body: bytes) -> str:
    """The `webhook-signature`: HMAC-SHA256 of id, timestamp and body. A secret `whsec_…` is base64, any other is taken
    as it is."""
    key = secret.encode()
    if secret.startswith("whsec_"):
        with suppress(binascii.Error):
            key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    digest = hmac.new(key, f"{message}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def body_of(job: Job, root: str) -> bytes:
    """What is told of a job, the same in every try; `root` is where the outside reaches us, or empty."""
    ended = datetime.fromtimestamp(job.updated, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    data = {
        "job": job.id,
        "state": job.state,
        "name": job.input_name,
        "error": job.error,
        "url": f"{root}/r/{job.id}" if job.result_key else None,
        "expires": job.expires,
        "card": job.card,
    }
    return json.dumps({"type": f"job.{job.state}", "timestamp": ended, "data": data}).encode()


class Notifier:
    """Sends what is due, of all jobs of the store."""

    def __init__(self, settings: Settings, store: JobStore) -> None:
        self._secret = settings.webhook_secret.get_secret_value()
        self._root, self._store = settings.public_url, store
        self._places = asyncio.Semaphore(AT_ONCE)

    async def run(self) -> None:
        """Until it is cancelled; at once over where there is no secret."""
        if not self._secret:
            return
        async with asyncio.TaskGroup() as sending:
            while True:
                await self._places.acquire()
                job = None
                try:
                    job = await asyncio.to_thread(self._store.claim_notice, now=time.time(), hold=2 * WITHIN)
                except StoreError as error:
                    log.warning("cannot look for addresses to tell: %s", error)
                if job is not None:
                    sending.create_task(self._tell(job))
                else:
                    self._places.release()
                    await asyncio.sleep(LOOK_EVERY)

    async def _tell(self, job: Job) -> None:
        try:
            status, cause = await self._sent(job)
            left = PAUSES[job.notices - 1 :]
            again: float | None = None
            if not 200 <= status < 300 and status != HTTPStatus.GONE and left:
                again = time.time() + left[0]
            if cause:
                log.warning("job %s: its address was not told (try %d): %s", job.id, job.notices, cause)
            with suppress(StoreError):  # then the claim ends by itself, and it is tried again
                await asyncio.to_thread(self._store.change, job.id, ENDED, notify_at=again)
        finally:
            self._places.release()

    async def _sent(self, job: Job) -> tuple[int, str]:
        """The status of the answer, 0 for none, and why it was not told, or nothing."""
        body, timestamp = body_of(job, self._root), int(time.time())
        headers = {
            "content-type": "application/json",
            "user-agent": "Vimix",
            "webhook-id": job.id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature(self._secret, job.id, timestamp, body),
        }
        try:
            async with asyncio.timeout(WITHIN):
                where = httpx.URL(job.notify)
                async with (
                    client_to(await public_address(where), timeout=WITHIN) as client,
                    client.stream("POST", where, content=body, headers=headers) as answer,
                ):
                    status = answer.status_code
        except NotPublic as error:
            return 0, str(error)
        except Exception as error:  # whatever one receiver does, the others are told
            return 0, type(error).__name__
        return status, "" if 200 <= status < 300 else f"its server answered {status}"
