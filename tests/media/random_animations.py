"""Random GIFs and APNGs by seed, written block by block with an encoder that is not the program's."""

import struct
import zlib

import numpy as np


def gif(seed: int) -> bytes:
    """Pictures of any place and size, palettes of their own or shared, every disposal, clear indices, interlacing."""
    rng = np.random.default_rng(seed)
    width, height = (int(side) for side in rng.integers(8, 40, 2))
    bits = int(rng.integers(1, 9))
    shared = rng.integers(0, 256, 3 << bits, np.uint8).tobytes()
    data = b"GIF89a" + struct.pack("<HH", width, height)
    data += bytes([0x80 | bits - 1, int(rng.integers(0, 1 << bits)), 0]) + shared
    if rng.random() < 0.5:
        data += b"\x21\xff\x0bNETSCAPE2.0\x03\x01" + struct.pack("<H", int(rng.integers(0, 4))) + b"\0"
    for _ in range(int(rng.integers(1, 7))):
        data += _picture(rng, width, height, bits)
    return data + b";"


def _picture(rng: np.random.Generator, width: int, height: int, bits: int) -> bytes:
    data = b""
    if rng.random() < 0.9:
        clear = rng.random() < 0.5
        control = int(rng.integers(0, 8)) << 2 | clear
        delay, index = int(rng.integers(2, 20)), int(rng.integers(0, 1 << bits))
        data += b"\x21\xf9\x04" + struct.pack("<BHBB", control, delay, index, 0)
    left, top = (int(rng.integers(0, side)) for side in (width, height))
    w, h = int(rng.integers(1, width - left + 1)), int(rng.integers(1, height - top + 1))
    if rng.random() < 0.2:  # beyond the canvas
        w, h = w + int(rng.integers(0, 12)), h + int(rng.integers(0, 12))
    own = rng.random() < 0.4
    own_bits = int(rng.integers(1, 9)) if own else bits
    interlaced = rng.random() < 0.3
    data += b"," + struct.pack("<HHHHB", left, top, w, h, own << 7 | interlaced << 6 | (own_bits - 1) * own)
    data += rng.integers(0, 256, 3 << own_bits, np.uint8).tobytes() if own else b""
    return data + _lzw(rng.integers(0, 1 << own_bits, w * h), max(2, own_bits))


def _lzw(indices: "np.ndarray[tuple[int, ...], np.dtype[np.int64]]", size: int) -> bytes:
    """Codes of one pixel each: the table is cleared before a code grows by a bit."""
    clear, end, wide = 1 << size, (1 << size) + 1, size + 1
    codes = []
    for at in range(0, len(indices), (1 << size) - 2):
        codes += [clear, *indices[at : at + (1 << size) - 2].tolist()]
    bits = "".join(f"{code:0{wide}b}"[::-1] for code in [*codes, end])
    packed = bytes(int(bits[at : at + 8][::-1], 2) for at in range(0, len(bits), 8))
    blocks = b"".join(bytes([len(packed[at : at + 255])]) + packed[at : at + 255] for at in range(0, len(packed), 255))
    return bytes([size]) + blocks + b"\0"


def apng(seed: int) -> bytes:
    """Frames of any place and size, every disposal and blending, soft alpha, grey and colour, posters."""
    rng = np.random.default_rng(seed)
    width, height = (int(side) for side in rng.integers(8, 40, 2))
    kind = int(rng.choice([2, 4, 6, 6, 6]))
    count, poster = int(rng.integers(2, 7)), rng.random() < 0.3
    data = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0))
    data += _chunk(b"acTL", struct.pack(">II", count, int(rng.integers(0, 4))))
    number = 0
    if poster:
        data += _chunk(b"IDAT", _pixels(rng, width, height, kind))
    for place in range(count):
        first = place == 0 and not poster
        left, top, w, h = 0, 0, width, height
        if not first:
            left, top = int(rng.integers(0, width)), int(rng.integers(0, height))
            w, h = int(rng.integers(1, width - left + 1)), int(rng.integers(1, height - top + 1))
        dispose, blend = int(rng.integers(0, 3)), int(rng.integers(0, 2))
        control = struct.pack(">IIIIIHHBB", number, w, h, left, top, int(rng.integers(2, 20)), 100, dispose, blend)
        data += _chunk(b"fcTL", control)
        number += 1
        if first:
            data += _chunk(b"IDAT", _pixels(rng, w, h, kind))
        else:
            data += _chunk(b"fdAT", struct.pack(">I", number) + _pixels(rng, w, h, kind))
            number += 1
    return data + _chunk(b"IEND", b"")


def _pixels(rng: np.random.Generator, width: int, height: int, kind: int) -> bytes:
    channels = {2: 3, 4: 2, 6: 4}[kind]
    pixels = rng.integers(0, 256, (height, width, channels), np.uint8)
    if kind != 2:
        pixels[..., -1] = rng.choice([0, 255, 128, 40, 200], (height, width))
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    return zlib.compress(rows)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")
