"""An address is told when a job ends: by a real server that answers as it likes."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from tests.jobs.counting_work import clip
from tests.jobs.deployment import Place, ended, until
from tests.loopback import answering
from vimix import public_network
from vimix.errors import UsageError
from vimix.jobs import webhook
from vimix.jobs.model import Ticket
from vimix.jobs.service import JobService
from vimix.options import Options

KEY = b"a key of thirty-two random bytes"
SECRET = "whsec_" + base64.b64encode(KEY).decode()
NO_ADDRESSES = ("ftp://a.example", "a.example/told", "https://", "http://a.example/\ud800", "http://xn--a/")


@dataclass
class Receiver:
    """What came, and with what it answers: each status once, then 200."""

    port: int = 0
    statuses: list[int] = field(default_factory=list)
    came: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/told?clip=1"


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """On loopback, which counts as public here; pauses are short."""
    it = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            it.came.append(({name.lower(): value for name, value in self.headers.items()}, body))
            status = it.statuses.pop(0) if it.statuses else 200
            self.send_response(status)
            if status == 302:
                self.send_header("location", it.url)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    monkeypatch.setattr(public_network, "is_public", lambda address: True)
    monkeypatch.setattr(webhook, "PAUSES", (0.01, 0.01, 0.01))
    monkeypatch.setattr(webhook, "LOOK_EVERY", 0.02)
    with answering(Handler) as it.port:
        yield it


def verified(headers: dict[str, str], body: bytes) -> dict[str, Any]:
    """As a receiver does it after the specification."""
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    mine = base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
    assert f"v1,{mine}" in headers["webhook-signature"].split(" ")
    said: dict[str, Any] = json.loads(body)
    return said


async def submit(service: JobService, file: Path, notify: str) -> Ticket:
    return await asyncio.to_thread(service.submit, file, file.name, Options.parse({}), visitor="anyone", notify=notify)


def told(service: JobService, job: str) -> bool:
    return service.job(job).notify_at is None


@pytest.fixture
def signing(place: Place) -> Place:
    place.more = {"webhook_secret": SecretStr(SECRET), "public_url": "https://clips.example"}
    return place


def test_the_end_of_a_job_is_told_signed_and_tried_again(signing: Place, tmp_path: Path, receiver: Receiver) -> None:
    receiver.statuses = [503, 302]

    async def story() -> None:
        async with signing.service(1) as service, signing.service(0):
            ticket = await submit(service, clip(tmp_path / "cat.mp4", frames=2), receiver.url)
            await ended(service, ticket.job)
            await until(lambda: told(service, ticket.job))
            assert len(receiver.came) == 3, "two processes send it once each time"
            said = [verified(*each) for each in receiver.came]
            assert said[0] == said[1] == said[2]
            assert {headers["webhook-id"] for headers, _ in receiver.came} == {ticket.job}
            assert said[0]["type"] == "job.done"
            assert said[0]["data"]["url"] == f"https://clips.example/r/{ticket.job}"
            assert said[0]["data"]["card"] == service.job(ticket.job).card
            again = await submit(service, tmp_path / "cat.mp4", receiver.url)
            assert again.cached
            await until(lambda: told(service, again.job))
            assert verified(*receiver.came[-1])["data"]["job"] == again.job

    asyncio.run(story())


def test_failed_and_cancelled_jobs_are_told_and_deleted_ones_are_not(
    signing: Place, tmp_path: Path, receiver: Receiver
) -> None:
    async def story() -> None:
        async with signing.service(0) as service:
            cancelled = await submit(service, clip(tmp_path / "a", frames=2), receiver.url)
            deleted = await submit(service, clip(tmp_path / "b", frames=3), receiver.url)
            await asyncio.to_thread(service.delete, deleted.job, deleted.token)
            await asyncio.to_thread(service.cancel, cancelled.job, cancelled.token)
            await until(lambda: told(service, cancelled.job))
        async with signing.service(1) as service:
            failed = await submit(
                service, clip(tmp_path / "c", fault="refuse", tally=str(tmp_path / "tally")), receiver.url
            )
            await until(lambda: told(service, failed.job))
            said = [verified(*each) for each in receiver.came]
            assert [each["type"] for each in said] == ["job.cancelled", "job.failed"]
            assert said[0]["data"]["url"] is None
            assert said[1]["data"]["error"] == service.job(failed.job).error

    asyncio.run(story())


def test_a_restart_forgets_none(
    signing: Place, tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.statuses = [500]
    monkeypatch.setattr(webhook, "PAUSES", (2.0, 0.01))

    async def story() -> None:
        async with signing.service(1) as service:
            ticket = await submit(service, clip(tmp_path / "a", frames=2), receiver.url)
            await ended(service, ticket.job)
            await until(lambda: len(receiver.came) == 1)
        async with signing.service(0) as service:
            await until(lambda: told(service, ticket.job))
            assert [verified(*each)["data"]["job"] for each in receiver.came] == [ticket.job] * 2

    asyncio.run(story())


@pytest.mark.parametrize(("statuses", "tries"), [([500] * 9, 4), ([410], 1)])
def test_it_is_given_up(signing: Place, tmp_path: Path, receiver: Receiver, statuses: list[int], tries: int) -> None:
    receiver.statuses = list(statuses)

    async def story() -> None:
        async with signing.service(0) as service:
            ticket = await submit(service, clip(tmp_path / "a", frames=2), receiver.url)
            await asyncio.to_thread(service.cancel, ticket.job, ticket.token)
            await until(lambda: told(service, ticket.job))
            assert len(receiver.came) == tries

    asyncio.run(story())


def test_private_addresses_are_never_reached(
    signing: Place, tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(public_network, "is_public", lambda address: not address.startswith("127."))

    async def story() -> None:
        async with signing.service(0) as service:
            for number, host in enumerate(("127.0.0.1", "localhost", "0x7f.1")):
                url = receiver.url.replace("127.0.0.1", host)
                ticket = await submit(service, clip(tmp_path / str(number), frames=2 + number), url)
                await asyncio.to_thread(service.cancel, ticket.job, ticket.token)
                await until(lambda job=ticket.job: told(service, job))  # type: ignore[misc]
            assert receiver.came == []

    asyncio.run(story())


def test_an_address_that_cannot_be_one_stops_no_others(signing: Place, tmp_path: Path, receiver: Receiver) -> None:
    async def story() -> None:
        async with signing.service(0) as service:
            for number, url in enumerate((f"http://{'a' * 70}.example", receiver.url)):
                ticket = await submit(service, clip(tmp_path / str(number), frames=2 + number), url)
                await asyncio.to_thread(service.cancel, ticket.job, ticket.token)
            await until(lambda: told(service, ticket.job))
            assert len(receiver.came) == 1

    asyncio.run(story())


def test_what_cannot_be_told_is_refused_at_once(place: Place, signing: Place, tmp_path: Path) -> None:
    async def story() -> None:
        async with signing.service(0) as service:
            for address in (*NO_ADDRESSES, "http://a" + "b" * 2000):
                with pytest.raises(UsageError, match="http or https"):
                    await submit(service, clip(tmp_path / "a", frames=2), address)
        place.more = {}
        async with place.service(0) as service:
            with pytest.raises(UsageError, match="VIMIX_WEBHOOK_SECRET"):
                await submit(service, clip(tmp_path / "a", frames=2), "https://a.example")

    asyncio.run(story())
