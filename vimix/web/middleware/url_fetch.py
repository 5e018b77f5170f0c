"""Web addresses as inputs: programs may give one in place of a file, and Gradio fetches it.

Gradio's own fetch holds the whole file in memory and knows no limit, so it is replaced: a bounded size and time, few at
once and of each visitor, public addresses only, each redirect looked at again, and the connection goes to the address
that was looked at. Fetches are done before a call enters Gradio's queue (`counted_fetches`).
"""

import asyncio
import secrets
from collections.abc import Sequence
from contextlib import closing
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote, unquote

import gradio as gr
import httpx
from gradio import processing_utils
from gradio.utils import get_upload_folder

from vimix.errors import Refused, megabytes
from vimix.public_network import NotPublic, client_to, public_address
from vimix.settings import Settings
from vimix.stores.local import free_bytes
from vimix.web.middleware.request_body import SPARE_BYTES
from vimix.web.middleware.reservations import DiskSpace, Reservation, Shares
from vimix.web.ops.metrics import REFUSED

AT_ONCE, PER_VISITOR = 64, 4
"""Requests whose addresses are being fetched, of all visitors and of each: one takes a descriptor and a few KB."""
WITHIN, REDIRECTS = 60.0, 5
"""Seconds for all addresses of a request together, from the first lookup to the last byte: a server that drips holds
one of its visitor's places so long, and who has a slow line downloads the file and sends it."""
_REFUSED = "https://refused.invalid/"
"""A file that was not fetched is handed on under this address with the sentence why, which Gradio then gives as the
call's error; whoever writes such an address reads it back."""
Outcome = Path | str
"""A file that was fetched, or the sentence why not."""


class Fetches:
    """Those of one process."""

    def __init__(self, settings: Settings) -> None:
        self._limit = settings.max_upload_mb << 20
        self._places = Shares(AT_ONCE, PER_VISITOR, "Too many files are being fetched at once. Please try again soon.")
        self._disk = DiskSpace(settings.data_dir, SPARE_BYTES, lambda folder: free_bytes(folder))

    async def all(self, urls: Sequence[str], visitor: str) -> list[Outcome]:
        """What is at these addresses, in their order. Raises `Busy`."""
        found: list[Outcome] = []
        with self._places.one(visitor):
            try:
                async with asyncio.timeout(WITHIN):
                    for url in urls:
                        found.append(await self._one(url))
            except TimeoutError:
                found += [_NOT_FETCHED] * (len(urls) - len(found))
        return found

    async def _one(self, url: str) -> Outcome:
        folder = Path(get_upload_folder()).resolve() / secrets.token_hex(16)
        try:
            with closing(Reservation(self._disk)) as room:
                return await _fetch(url, folder, self._limit, room)
        except (Refused, NotPublic) as no:
            REFUSED.labels("fetch").inc()
            return no.public if isinstance(no, Refused) else str(no)
        except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError):
            return _NOT_FETCHED


_NOT_FETCHED = "The file at that address could not be fetched. Download it and send it instead."


@lru_cache(maxsize=8)
def fetches(settings: Settings) -> Fetches:
    """Those of these settings."""
    return Fetches(settings)


def refused_address(sentence: str) -> str:
    """An address for Gradio's own fetch, which says that sentence."""
    return _REFUSED + quote(sentence, safe="")


def is_named_here(address: str) -> bool:
    """Whether it stands for a file that was not fetched."""
    return address.startswith(_REFUSED)


def close_gradios_fetch() -> None:
    """Gradio fetches nothing from here on: addresses that reach it are files of ours, or were refused before."""

    async def answer(url: str, cache_dir: str) -> str:
        if (ours := uploaded_at(url)) is not None:
            return str(ours)
        sentence = unquote(url.removeprefix(_REFUSED)) if is_named_here(url) else _NOT_FETCHED
        raise gr.Error(sentence, print_exception=False)

    processing_utils.async_ssrf_protected_download = answer


def uploaded_at(url: str) -> Path | None:
    """What was uploaded here, by the address that Gradio serves it under: that is how MCP names a file sent before."""
    named, home = url.partition("/gradio_api/file=")[2], Path(get_upload_folder()).resolve()
    try:
        path = Path(unquote(named)).resolve()
        return path if named and path.is_relative_to(home) and path.is_file() else None
    except (OSError, ValueError):  # too long, or with a NUL
        return None


async def _fetch(url: str, folder: Path, limit: int, room: Reservation) -> Path:
    where = httpx.URL(url)
    for _ in range(REDIRECTS):
        async with (
            client_to(await public_address(where), timeout=20) as client,
            client.stream("GET", where, headers={"accept-encoding": "identity"}) as answer,
        ):
            if answer.has_redirect_location:
                where = where.join(answer.headers["location"])
                continue
            if answer.status_code != 200:
                raise Refused(
                    f"The file at that address could not be fetched: its server answered {answer.status_code}."
                )
            return await _written(answer, folder / _name(where), limit, room)
    raise Refused("That address redirects too many times. Give the address of the file itself.")


async def _written(answer: httpx.Response, file: Path, limit: int, room: Reservation) -> Path:
    too_large = Refused(f"The file at that address is too large; the limit is {megabytes(limit)}.")
    if int(answer.headers.get("content-length") or 0) > limit:
        raise too_large
    file.parent.mkdir(parents=True)
    taken = 0
    try:
        with file.open("wb") as to:
            async for chunk in answer.aiter_raw():
                taken += len(chunk)
                if taken > limit:
                    raise too_large
                if not room.received(len(chunk)):
                    raise Refused("The server's disk is full. Please try again later.")
                await asyncio.to_thread(to.write, chunk)
    except BaseException:
        file.unlink()
        file.parent.rmdir()
        raise
    return file


def _name(where: httpx.URL) -> str:
    last = unquote(where.path).replace("\\", "/").rsplit("/", 1)[-1]
    return "".join(letter for letter in last if letter.isalnum() or letter in "._- ").strip(". ")[-80:] or "clip"
