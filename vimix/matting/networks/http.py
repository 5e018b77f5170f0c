"""One file over HTTP, resumed where it broke off; a mirror that does not answer is given up within seconds."""

import http.client
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Generator
from pathlib import Path
from urllib.parse import urlsplit

from vimix.matting.networks.mirrors import Hub, Release

ANSWER_WITHIN = 4.0
"""Seconds for a connection to be made, all addresses of the host together: a mirror that is blocked costs so long
before the next one is tried; a slow line needs a second or two."""
STALLED_AFTER = 20.0
"""Seconds without a byte after which a download has failed; what is there is continued from the next mirror or try."""
PIECE = 1 << 20
"""Bytes read at a time: the bar moves once for each."""


class Silent(Exception):
    """The mirror does not give the file."""


def download(mirror: Release | Hub, part: Path) -> Generator[float | None, None, None]:
    """Bring what the mirror holds into `part`, continuing it if it has a beginning of the same file.

    Yields the fraction that is there, or None where the server does not say. Raises `Silent`.
    """
    url, headers = (mirror.url, {}) if isinstance(mirror, Release) else _hub(mirror)
    _answers(url)
    source = source_of(part)
    have = part.stat().st_size if part.exists() and source.exists() and source.read_text() == url else 0
    source.write_text(url)
    try:
        yield from _pour(url, headers, part, have)
    except (OSError, http.client.HTTPException, ValueError) as error:
        if isinstance(error, urllib.error.HTTPError):
            error.close()
        if have and isinstance(error, urllib.error.HTTPError) and error.code == 416:
            yield from _pour(url, headers, part, 0)
        else:
            raise Silent(str(error) or type(error).__name__) from error


def source_of(part: Path) -> Path:
    """The note beside an unfinished file that says where it came from."""
    return part.with_name(part.name + ".from")


def _pour(url: str, headers: dict[str, str], part: Path, have: int) -> Generator[float | None, None, None]:
    request = urllib.request.Request(url)
    request.add_header("User-Agent", "vimix")
    for name, value in headers.items():
        request.add_unredirected_header(name, value)  # a token is for the Hub, not for where it sends us
    if have:
        request.add_header("Range", f"bytes={have}-")
    with urllib.request.urlopen(request, timeout=STALLED_AFTER) as answer:
        have = have if answer.status == 206 else 0
        length = answer.headers.get("Content-Length")
        total = have + int(length) if length else None
        with part.open("ab" if have else "wb") as file:
            while piece := answer.read(PIECE):
                file.write(piece)
                have += len(piece)
                yield have / total if total else None
    if total is not None and have < total:
        raise Silent(f"the connection ended after {have} of {total} bytes")


def _hub(mirror: Hub) -> tuple[str, dict[str, str]]:
    """The address of the file and the headers the Hub wants, a token among them where the person has one."""
    from huggingface_hub import get_token, hf_hub_url

    url = hf_hub_url(mirror.repo, mirror.file, revision=mirror.revision)
    token = get_token()
    return url, {"Authorization": f"Bearer {token}"} if token else {}


def in_hub_cache(mirror: Hub) -> str:
    """Where the Hub's own client keeps the file, "" where it does not: a Space loads what its front matter names under
    `preload_from_hub` when it is built."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(mirror.repo, mirror.file, revision=mirror.revision)
    return found if isinstance(found, str) else ""


def _answers(url: str) -> None:
    """Raise `Silent` unless the host takes a connection soon. With a proxy in between, the proxy is what answers."""
    place = urlsplit(url)
    host = place.hostname or ""
    proxy = urllib.request.getproxies().get(place.scheme)
    if proxy and not urllib.request.proxy_bypass(host):
        place = urlsplit(proxy if "//" in proxy else f"//{proxy}")
        host = place.hostname or ""
    port = place.port or (443 if place.scheme == "https" else 80)
    failed: list[OSError | None] = []

    def knock() -> None:
        try:
            socket.create_connection((host, port), timeout=ANSWER_WITHIN).close()
            failed.append(None)
        except OSError as error:
            failed.append(error)

    knocking = threading.Thread(target=knock, daemon=True)  # a name that nobody resolves cannot be given up otherwise
    knocking.start()
    knocking.join(ANSWER_WITHIN)
    if not failed or failed[0] is not None:
        raise Silent(f"{host} does not answer{f' ({failed[0]})' if failed else ''}")
