"""Addresses that strangers name: only http and https on the public internet, and the connection goes to the IP address
that was checked, whatever the name resolves to a moment later."""

import asyncio
import ipaddress
import socket

import httpx
from safehttpx import AsyncSecureTransport  # type: ignore[import-untyped]

_CLOSED = [ipaddress.IPv6Network(network) for network in ("::/96", "fec0::/10", "64:ff9b:1::/48", "2001::/32")]
"""IPv4-compatible (RFC 4291), site-local (RFC 3879), local NAT64 (RFC 8215), Teredo (RFC 4380)."""
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
"""RFC 6052: the last 32 bits are an IPv4 address."""
_DUMMY = ipaddress.IPv4Address("192.0.0.8")
"""RFC 7600."""


class NotPublic(Exception):
    """One sentence: why nothing connects there."""


def is_web_address(url: str) -> bool:
    """Whether it is written as one that may be connected to; where its name leads is not asked."""
    try:
        where = httpx.URL(url)
        return where.scheme in ("http", "https") and bool(where.host)
    except (httpx.InvalidURL, UnicodeError):  # half of a surrogate pair, or a name that IDNA does not allow
        return False


async def public_address(where: httpx.URL) -> str:
    """The one IP address of the host to connect to; all that the host has must be public. Raises `NotPublic`, and
    `OSError` where the name is not known."""
    if where.scheme not in ("http", "https") or not where.host:
        raise NotPublic("Only http and https addresses are fetched.")
    try:
        found = await asyncio.get_running_loop().getaddrinfo(where.host, None, type=socket.SOCK_STREAM)
    except UnicodeError as error:  # a label of more than 63 characters, for one
        raise socket.gaierror(socket.EAI_NONAME) from error
    addresses = [str(row[4][0]).split("%")[0] for row in found]
    if not addresses or not all(is_public(address) for address in addresses):
        raise NotPublic("That address is not public.")
    return addresses[0]


def client_to(address: str, *, timeout: float) -> httpx.AsyncClient:
    """A client that connects to that IP address alone, without proxies and without following redirects. `timeout`: for
    each step, in seconds."""
    return httpx.AsyncClient(transport=AsyncSecureTransport(address), trust_env=False, timeout=timeout)


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
