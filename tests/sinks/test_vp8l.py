"""The lossless coder, read back by libwebp and by ffmpeg's own decoder, which share no code."""

import io
from collections.abc import Iterator
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from vimix.frame import Frame, Pixels
from vimix.sinks import vp8l
from vimix.sinks.base import Encoding
from vimix.sinks.webp import coder

SIZES = ((1, 1), (1, 7), (5, 1), (2, 2), (8, 8), (9, 17), (64, 64), (3, 700), (700, 3), (333, 200), (300, 1100))


def pictures(height: int, width: int) -> Iterator[Pixels]:
    """RGBA of every kind: noise, nothing, all, soft, stray pixels, few colours, one step."""
    random = np.random.default_rng(height * width)
    noise = random.integers(0, 256, (height, width, 4), np.uint8)
    yield noise
    yield np.zeros_like(noise)
    yield np.full_like(noise, 255)
    yield np.asarray(cv2.GaussianBlur(noise, (0, 0), 4), np.uint8).reshape(noise.shape)
    yield np.where(random.random((height, width, 1)) < 0.01, noise, 0).astype(np.uint8)
    yield noise // 100 * 100
    yield np.where(np.arange(width)[:, None] > width // 2, np.uint8(200), np.uint8(3)) * np.ones_like(noise)


def file(chunks: bytes) -> bytes:
    return b"RIFF" + (len(chunks) + 4).to_bytes(4, "little") + b"WEBP" + chunks


def by_ffmpeg(data: bytes) -> Pixels:
    """RGBA of a lossless picture, alpha alone of another."""
    with av.open(io.BytesIO(data), "r", format="webp_pipe") as container:
        frame = next(container.decode(video=0))
    if frame.format.is_rgb:
        return np.asarray(frame.to_ndarray(format="rgba"), np.uint8)
    plane = frame.planes[3]
    return np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width]


@pytest.mark.parametrize("size", SIZES)
def test_every_picture_comes_back_as_it_was(size: tuple[int, int]) -> None:
    for rgba in pictures(*size):
        stream = vp8l.picture(np.ascontiguousarray(rgba[..., :3]), np.ascontiguousarray(rgba[..., 3]))
        data = file(b"VP8L" + len(stream).to_bytes(4, "little") + stream + b"\0" * (len(stream) % 2))
        with Image.open(io.BytesIO(data)) as image:
            assert np.array_equal(np.asarray(image.convert("RGBA")), rgba)
        assert np.array_equal(by_ffmpeg(data), rgba)


@pytest.mark.parametrize("size", SIZES)
def test_every_alpha_beside_vp8_comes_back_as_it_was(size: tuple[int, int]) -> None:
    height, width = size
    encode = coder(Encoding())
    for rgba in pictures(height, width):
        alpha = np.where(rgba[..., 3] < 7, 0, np.where(rgba[..., 3] > 248, 255, rgba[..., 3])).astype(np.uint8)
        frame = Frame(np.ascontiguousarray(rgba[..., :3]), alpha, Fraction(0), Fraction(1))
        body = bytes([16, 0, 0, 0]) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
        data = file(b"VP8X" + (10).to_bytes(4, "little") + body + encode(frame, True).data)
        with Image.open(io.BytesIO(data)) as image:
            assert np.array_equal(np.asarray(image.convert("RGBA"))[..., 3], alpha)
        if alpha.min() < 255:
            assert np.array_equal(by_ffmpeg(data), alpha)


def test_a_soft_edge_takes_fewer_bytes_than_libwebp_needs_at_its_fastest() -> None:
    rows, columns = np.indices((360, 640))
    away = np.hypot(rows - 180, columns - 320 + 40 * np.sin(rows / 30))
    alpha = np.clip((130 - away) * 9 + 3 * np.sin(away * 2), 0, 255).astype(np.uint8)
    green = np.zeros((360, 640, 3), np.uint8)
    green[..., 1] = vp8l.residuals(alpha)
    theirs = io.BytesIO()
    Image.fromarray(green).save(theirs, "WEBP", lossless=True, quality=20, method=0)
    print(f"{len(vp8l.plane(alpha))} bytes against {theirs.tell()}")
    assert len(vp8l.plane(alpha)) < 0.9 * theirs.tell()


def test_codes_are_complete_and_short_enough() -> None:
    random = np.random.default_rng(4)
    for _ in range(300):
        skew, symbols = random.integers(1, 9), random.integers(2, 280)
        counts = (random.exponential(1, (3, symbols)) ** skew * 20).astype(np.int64)
        counts[:, :2] += 1
        for top in (15, 7) if symbols < 20 else (15,):
            lengths = vp8l._code_lengths(counts, top)
            assert lengths.max() <= top
            assert not lengths[counts == 0].any()
            assert all(sum(1 << top - length for length in row if length) == 1 << top for row in lengths.tolist())
