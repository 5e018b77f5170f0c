"""Web addresses as inputs: programs may give one in place of a file, and Gradio fetches it.

Gradio's own fetch holds the whole file in memory and knows no limit, so it is replaced: a bounded size and time, few at
once, public addresses only, each redirect looked at again, and the connection goes to the address that was looked at.
"""

import asyncio
import ipaddress
import secrets
import socket
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote

import gradio as gr
import httpx
from gradio import processing_utils
from gradio.utils import get_upload_folder
from safehttpx import AsyncSecureTransport  # type: ignore[import-untyped]

from vimix.errors import megabytes
from vimix.settings import Settings
from vimix.stores.local import free_bytes
from vimix.web.middleware.request_body import SPARE_BYTES
from vimix.web.middleware.reservations import DiskSpace, Reservation
from vimix.web.ops.metrics import REFUSED

_CLOSED = [ipaddress.IPv6Network(network) for network in ("::/96", "fec0::/10", "64:ff9b:1::/48", "2001::/32")]
"""IPv4-compatible (RFC 4291), site-local (RFC 3879), local NAT64 (RFC 8215), Teredo (RFC 4380)."""
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
"""RFC 6052: the last 32 bits are an IPv4 address."""
_DUMMY = ipaddress.IPv4Address("192.0.0.8")
"""RFC 7600."""
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
        except _Refused as no:
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
        transport = AsyncSecureTransport(await _looked_up(where))
        async with (
            httpx.AsyncClient(transport=transport, trust_env=False, timeout=20) as client,
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


async def _looked_up(where: httpx.URL) -> str:
    """The one address of the host that is connected to; all that the host has must be public."""
    if where.scheme not in ("http", "https") or not where.host:
        raise _Refused("Only http and https addresses are fetched.")
    found = await asyncio.get_running_loop().getaddrinfo(where.host, None, type=socket.SOCK_STREAM)
    addresses = [str(row[4][0]).split("%")[0] for row in found]
    if not addresses or not all(is_public(address) for address in addresses):
        raise _Refused("That address is not public.")
    return addresses[0]


def is_public(address: str) -> bool:
    """Whether it is on the internet rather than in somebody's house."""
    parsed = ipaddress.ip_address(address)
    if isinstance(parsed, ipaddress.IPv6Address):
        if any(parsed in network for network in _CLOSED):
            return False
        if parsed.ipv4_mapped:
            parsed = parsed.ipv4_mapped
        elif parsed in _NAT64:
            parsed = ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF)
        elif parsed.sixtofour:
            parsed = parsed.sixtofour
    if parsed == _DUMMY:
        return False
    return parsed.is_global and not parsed.is_multicast


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
