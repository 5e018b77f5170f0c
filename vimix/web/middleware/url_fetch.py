"""Web addresses as inputs: programs may give one in place of a file, and Gradio fetches it.

Gradio's own fetch holds the whole file in memory and knows no limit, so it is replaced: a bounded size and time, few at
once, public addresses only, each redirect looked at again, and the connection goes to the address that was looked at.
"""

import asyncio
import secrets
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote

import gradio as gr
import httpx
from gradio import processing_utils
from gradio.utils import get_upload_folder

from vimix.errors import megabytes
from vimix.public_network import NotPublic, client_to, public_address
from vimix.settings import Settings
from vimix.stores.local import free_bytes
from vimix.web.middleware.request_body import SPARE_BYTES
from vimix.web.middleware.reservations import DiskSpace, Reservation
from vimix.web.ops.metrics import REFUSED

AT_ONCE, WITHIN, REDIRECTS = 64, 60.0, 5
"""Fetches under way, of all visitors: each may begin only so many an hour, and one takes a descriptor and a few KB."""


def bound_fetches(settings: Settings) -> None:
    """Have Gradio fetch as said above from here on."""
    limit = settings.max_upload_mb << 20
    turns = asyncio.Semaphore(AT_ONCE)
    disk = DiskSpace(settings.data_dir, SPARE_BYTES, lambda folder: free_bytes(folder))

    async def fetch(url: str, cache_dir: str) -> str:
        if (ours := _uploaded(url)) is not None:
            return str(ours)
        folder = Path(cache_dir) / secrets.token_hex(16)
        try:
            async with asyncio.timeout(WITHIN), turns:
                with closing(Reservation(disk)) as room:
                    return str(await _fetch(url, folder, limit, room))
        except (_Refused, NotPublic) as no:
            REFUSED.labels("fetch").inc()
            raise gr.Error(str(no), print_exception=False) from None
        except (TimeoutError, httpx.HTTPError, httpx.InvalidURL, OSError):
            sentence = "The file at that address could not be fetched. Download it and send it instead."
            raise gr.Error(sentence, print_exception=False) from None

    processing_utils.async_ssrf_protected_download = fetch


class _Refused(Exception):
    pass


def _uploaded(url: str) -> Path | None:
    """What was uploaded here, by the address that Gradio serves it under: that is how MCP names a file sent before."""
    named, home = url.partition("/gradio_api/file=")[2], Path(get_upload_folder()).resolve()
    path = Path(unquote(named)).resolve()
    return path if named and path.is_relative_to(home) and path.is_file() else None


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
                raise _Refused(
                    f"The file at that address could not be fetched: its server answered {answer.status_code}."
                )
            return await _written(answer, folder / _name(where), limit, room)
    raise _Refused("That address redirects too many times. Give the address of the file itself.")


async def _written(answer: httpx.Response, file: Path, limit: int, room: Reservation) -> Path:
    too_large = _Refused(f"The file at that address is too large; the limit is {megabytes(limit)}.")
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
                    raise _Refused("The server's disk is full. Please try again later.")
                await asyncio.to_thread(to.write, chunk)
    except BaseException:
        file.unlink()
        file.parent.rmdir()
        raise
    return file


def _name(where: httpx.URL) -> str:
    last = unquote(where.path).replace("\\", "/").rsplit("/", 1)[-1]
    return "".join(letter for letter in last if letter.isalnum() or letter in "._- ").strip(". ")[-80:] or "clip"
