"""What a file is, by its first bytes and never by its name; and, for what we do not take, what it looks like."""

import re
from dataclasses import dataclass
from pathlib import Path

from vimix.errors import Refused, Unreadable

_TAKEN = "MP4, MOV, WebM, GIF, JPG or PNG"


@dataclass(frozen=True, slots=True)
class Kind:
    """A row of what we take."""

    name: str
    """As the card and people call it."""
    demuxer: str = ""
    """The one libavformat reader that may open it."""
    pillow: str = ""
    """Or the one Pillow reader."""


MP4 = Kind("mp4", demuxer="mov")
MOV = Kind("mov", demuxer="mov")
WEBM = Kind("webm", demuxer="matroska")
MKV = Kind("mkv", demuxer="matroska")
AVI = Kind("avi", demuxer="avi")
GIF = Kind("gif", pillow="GIF")
WEBP = Kind("webp", pillow="WEBP")
PNG = Kind("png", pillow="PNG")
JPEG = Kind("jpeg", pillow="JPEG")
HEIC = Kind("heic", pillow="HEIF")
AVIF = Kind("avif", pillow="AVIF")

_MOST_SCANS = 200
"""Passes over a progressive JPEG: each costs the time of the whole picture for a few bytes of file."""
_MARKER = re.compile(rb"\xff+([^\x00\x01\xff\xd0-\xd7\xd8])", re.DOTALL)
"""Of a JPEG; those without a length of their own, and stuffed bytes of a scan, are none (ITU-T T.81, B.1.1)."""
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"})
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_PICTURE_BRANDS = _HEIC_BRANDS | _AVIF_BRANDS | {b"mif1", b"msf1", b"miaf", b"mif2"}
_LOOKS_LIKE = (
    (rb"#EXTM3U", "a playlist"),
    (rb"ffconcat", "a list of other files"),
    (rb"<\?xml|<svg|<!DOCTYPE svg", "a drawing or another XML text"),
    (rb"<!DOCTYPE|<html|<head|<body", "a web page"),
    (rb"%PDF|%!PS", "a document"),
    (rb"PK\x03\x04|7z\xbc\xaf|\x1f\x8b|Rar!", "an archive"),
    (rb"MZ|\x7fELF", "a program"),
    (rb"ID3|fLaC|OggS(?!.{24}\x80theora)|.{4}ftypM4A|RIFF....WAVE|\xff[\xf1\xf3\xf9\xfb]", "a sound"),
    (rb"push graphic-context|viewbox", "a drawing"),
    (rb"WEBVTT|1\r?\n\d\d:\d\d:|\[Script Info", "subtitles"),
    (rb"BM|II\*\x00|MM\x00\*|8BPS|qoif", "a picture of a kind that is rare on the web"),
    (rb"OggS|FLV\x01|\x30\x26\xb2\x75|\x00\x00\x01\xba|G.{187}G", "a video of a kind that is rare today"),
)


def sniff(path: Path) -> Kind:
    """The kind of the file. Raises `Unreadable`, saying what it looks like, if it is none that we take, and `Refused`
    for a JPEG that would take hours."""
    if not path.is_file():  # a pipe would never answer
        raise Unreadable("There is no such file.", cause=str(path))
    with path.open("rb") as file:
        head = file.read(4096)
        kind = _kind(head)
        if kind is None:
            raise Unreadable(f"We can't open this file type{_resembles(head)}. Try {_TAKEN}.")
        scans = _scans(head + file.read()) if kind is JPEG else 0
    if scans > _MOST_SCANS:
        raise Refused(
            f"This JPEG is stored in {scans} passes; the limit is {_MOST_SCANS}. Save it again as a plain JPEG or PNG."
        )
    return kind


def _scans(jpeg: bytes) -> int:
    """Start-of-scan markers up to the picture's end: thumbnails inside of segments and a film behind it are no part."""
    at, scans = 2, 0
    while marker := _MARKER.search(jpeg, at):
        at = marker.end()
        if marker[1] == b"\xd9":
            break
        scans += marker[1] == b"\xda"
        at += int.from_bytes(jpeg[at : at + 2], "big")
    return scans


def _kind(head: bytes) -> Kind | None:
    box, brand = head[4:8], head[8:12]
    if box == b"ftyp":
        size = int.from_bytes(head[:4], "big")
        brands = {brand, *(head[at : at + 4] for at in range(16, min(size, len(head)), 4))}
        if brands & _AVIF_BRANDS and brand not in _HEIC_BRANDS:  # also where the first one is a film's, as in browsers
            return AVIF
        if brand in _PICTURE_BRANDS:  # mif1 and msf1 are containers: the other brands say what is in them
            return HEIC
        return None if brand == b"M4A " else MOV if brand == b"qt  " else MP4
    if box in (b"moov", b"mdat", b"wide", b"free", b"skip"):
        return MOV
    if head.startswith(b"\x1aE\xdf\xa3"):
        return WEBM if b"webm" in head[:64] else MKV
    if head.startswith(b"RIFF"):
        return {b"AVI ": AVI, b"WEBP": WEBP}.get(brand)
    if head.startswith((b"GIF87a", b"GIF89a")):
        return GIF
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return PNG
    return JPEG if head.startswith(b"\xff\xd8\xff") else None


def _resembles(head: bytes) -> str:
    head = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    for pattern, name in _LOOKS_LIKE:
        if re.match(pattern, head, re.IGNORECASE | re.DOTALL):
            return f": it looks like {name}"
    printable = sum(32 <= byte < 127 or byte in b"\t\r\n" for byte in head[:512])
    return ": it looks like text" if head and printable > 0.95 * len(head[:512]) else ""
