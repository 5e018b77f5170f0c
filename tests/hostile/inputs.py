"""Files that mean harm, or are merely broken: each made by code, with what must come of it.

A maker writes its file into an empty folder and returns its path. `refused` is the sentence (a pattern) it must be
turned away with; `read` is what must come out of it: frames, or a warning.
"""

import io
import os
import random
import struct
import subprocess
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import imageio_ffmpeg
import numpy as np
from PIL import Image

from tests import clips


@dataclass(frozen=True)
class Hostile:
    """One input."""

    name: str
    make: Callable[[Path], Path]
    refused: str = ""
    """A pattern of the sentence; empty: it is read."""
    frames: tuple[int, int] = (1, 10**9)
    """How many must come of it, where it is read."""
    warning: str = ""
    """A pattern of what must be told, where it is read."""


INPUTS: list[Hostile] = []
BROKEN = "damaged or cut off"
NOT_TAKEN = "We can't open this file type"


def hostile(
    refused: str = "", *, frames: tuple[int, int] = (1, 10**9), warning: str = ""
) -> Callable[[Callable[[Path], Path]], Callable[[Path], Path]]:
    def enter(make: Callable[[Path], Path]) -> Callable[[Path], Path]:
        INPUTS.append(Hostile(make.__name__, make, refused, frames, warning))
        return make

    return enter


def put(path: Path, data: bytes | str) -> Path:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def change(path: Path, edit: Callable[[bytearray], object]) -> Path:
    data = bytearray(path.read_bytes())
    edit(data)
    return put(path, bytes(data))


def keep(path: Path, share: float) -> Path:
    data = path.read_bytes()
    return put(path, data[: int(len(data) * share)])


def box(data: bytearray, name: bytes) -> int:
    """Where the content of an MP4 box begins."""
    return data.index(name) + 4


# Nothing, and other things by a wrong name.


@hostile("empty")
def zero_bytes(folder: Path) -> Path:
    return put(folder / "a.mp4", b"")


@hostile(f"{NOT_TAKEN}.*text")
def text_renamed(folder: Path) -> Path:
    return put(folder / "a.mp4", "Dear all,\nplease find attached.\n" * 50)


@hostile(f"{NOT_TAKEN}.*web page")
def html_renamed(folder: Path) -> Path:
    return put(folder / "a.mp4", "\n<!DOCTYPE html><html><body><video src=x.mp4></video></body></html>")


@hostile(f"{NOT_TAKEN}.*list of other files")
def ffconcat_of_a_local_file(folder: Path) -> Path:
    clips.draw(folder / "canary.mp4")
    return put(folder / "a.mp4", "ffconcat version 1.0\nfile /etc/passwd\nfile canary.mp4\n")


@hostile(f"{NOT_TAKEN}.*playlist")
def playlist_of_a_local_file(folder: Path) -> Path:
    canary = clips.draw(folder / "canary.mp4").path
    return put(folder / "a.webm", f"#EXTM3U\n#EXTINF:1,\nfile://{canary}\n#EXT-X-ENDLIST\n")


@hostile(f"{NOT_TAKEN}.*playlist")
def playlist_of_the_network(folder: Path) -> Path:
    return put(folder / "a.mkv", "#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n")


@hostile(f"{NOT_TAKEN}.*XML")
def svg_with_an_entity(folder: Path) -> Path:
    entity = '<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    return put(folder / "a.png", f'<?xml version="1.0"?>{entity}<svg><image href="file:///etc/passwd"/>&x;</svg>')


@hostile(f"{NOT_TAKEN}.*drawing")
def mvg(folder: Path) -> Path:
    return put(folder / "a.png", "push graphic-context\nviewbox 0 0 9 9\nfill 'url(https://127.0.0.1/\"|ls \"-la)'\n")


@hostile(f"{NOT_TAKEN}.*subtitles")
def subtitles_alone(folder: Path) -> Path:
    return put(folder / "a.mkv", "1\n00:00:00,000 --> 00:00:09,000\nHello\n")


@hostile(f"{NOT_TAKEN}.*document")
def pdf(folder: Path) -> Path:
    return put(folder / "a.gif", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n")


@hostile(f"{NOT_TAKEN}.*archive")
def zip_renamed(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "a.webp", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb", bytes(10_000_000))
    return folder / "a.webp"


@hostile(f"{NOT_TAKEN}.*program")
def program(folder: Path) -> Path:
    return put(folder / "a.mp4", b"\x7fELF\x02\x01\x01" + bytes(500))


@hostile(f"{NOT_TAKEN}.*sound")
def sound_alone_as_m4a(folder: Path) -> Path:
    return _ffmpeg(folder / "a.m4a", "-f", "lavfi", "-i", "sine=d=1", "-c:a", "aac")


@hostile("sound, but no video")
def sound_alone_as_mp4(folder: Path) -> Path:
    return _ffmpeg(folder / "a.mp4", "-f", "lavfi", "-i", "sine=d=1", "-c:a", "aac")


@hostile("cover picture, but no video")
def sound_with_a_cover(folder: Path) -> Path:
    cover = clips.draw_still(folder / "cover.png").path
    how = ("-map", "0", "-map", "1", "-c:a", "aac", "-c:v", "copy", "-disposition:v", "attached_pic")
    return _ffmpeg(folder / "a.mp4", "-f", "lavfi", "-i", "sine=d=1", "-i", str(cover), *how)


@hostile("nothing to look at, but no video")
def subtitles_in_matroska(folder: Path) -> Path:
    words = put(folder / "a.srt", "1\n00:00:00,000 --> 00:00:09,000\nHello\n")
    return _ffmpeg(folder / "a.mkv", "-i", str(words))


@hostile("no such file|file type")
def device(folder: Path) -> Path:
    (folder / "a.mp4").symlink_to("/dev/zero")
    return folder / "a.mp4"


@hostile("no such file")
def pipe_that_never_speaks(folder: Path) -> Path:
    os.mkfifo(folder / "a.mp4")
    return folder / "a.mp4"


def _ffmpeg(path: Path, *args: str) -> Path:
    program = imageio_ffmpeg.get_ffmpeg_exe()
    subprocess.run([program, "-v", "error", "-y", *args, str(path)], check=True, capture_output=True)
    return path


# Cut off.


@hostile(BROKEN)
def mp4_without_its_index(folder: Path) -> Path:
    return keep(clips.draw(folder / "a.mp4", frames=30, size=(320, 240)).path, 0.5)


@hostile(frames=(3, 29), warning="end after|damaged")
def mp4_index_first_cut_off(folder: Path) -> Path:
    whole = clips.draw(folder / "b.mp4", frames=30, size=(320, 240)).path
    return keep(_ffmpeg(folder / "a.mp4", "-i", str(whole), "-c", "copy", "-movflags", "+faststart"), 0.6)


@hostile(frames=(3, 29), warning="end after|damaged|left out")
def webm_cut_off(folder: Path) -> Path:
    return keep(clips.draw(folder / "a.webm", frames=30, size=(320, 240)).path, 0.6)


@hostile(frames=(3, 29), warning="end after|damaged|left out")
def mkv_cut_off(folder: Path) -> Path:
    return keep(clips.draw(folder / "a.mkv", frames=30, size=(320, 240)).path, 0.6)


@hostile(frames=(3, 30))
def avi_cut_off(folder: Path) -> Path:
    return keep(clips.draw(folder / "a.avi", frames=30, size=(320, 240)).path, 0.6)


@hostile(BROKEN)
def prores_cut_off(folder: Path) -> Path:
    return keep(clips.draw(folder / "a.mov", frames=5, alpha=True).path, 0.6)


@hostile(frames=(1, 5), warning="it stops at frame|$")
def gif_cut_off(folder: Path) -> Path:
    return keep(clips.draw_gif(folder / "a.gif").path, 0.6)


@hostile(frames=(1, 6), warning="it stops at frame|$")
def apng_cut_off(folder: Path) -> Path:
    return keep(clips.draw_apng(folder / "a.png").path, 0.6)


@hostile(BROKEN)
def webp_cut_off(folder: Path) -> Path:
    return keep(clips.draw_webp(folder / "a.webp").path, 0.1)


@hostile(BROKEN)
def png_cut_off(folder: Path) -> Path:
    return keep(clips.draw_still(folder / "a.png").path, 0.5)


@hostile(BROKEN)
def jpeg_cut_off(folder: Path) -> Path:
    return keep(clips.draw_still(folder / "a.jpg").path, 0.5)


@hostile(BROKEN)
def heic_cut_off(folder: Path) -> Path:
    return keep(clips.draw_still(folder / "a.heic").path, 0.7)


@hostile(f"{BROKEN}|no video|not possible")
def mp4_of_noise(folder: Path) -> Path:
    return put(folder / "a.mp4", b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + random.Random(1).randbytes(200_000))


@hostile(f"{BROKEN}|no video")
def matroska_of_noise(folder: Path) -> Path:
    return put(folder / "a.mkv", b"\x1aE\xdf\xa3\x9fB\x86\x81\x01" + random.Random(2).randbytes(200_000))


@hostile("not possible|damaged|the limit is")
def gif_of_noise(folder: Path) -> Path:
    return put(folder / "a.gif", b"GIF89a" + random.Random(3).randbytes(200_000))


# Too much.


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _png(width: int, height: int, *chunks: bytes, data: bytes = b"") -> bytes:
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunks) + data + _chunk(b"IEND", b"")


@hostile(r"30000x30000 pixels \(900 million\); the limit is 24\.9 million")
def png_bomb(folder: Path) -> Path:
    squeeze = zlib.compressobj(9)
    data = b"".join(squeeze.compress(bytes(30001 * 100)) for _ in range(9)) + squeeze.flush()
    return put(folder / "a.png", _png(30000, 30000, data=_chunk(b"IDAT", data)))


@hostile(frames=(1, 1), warning="4900x4900 pixels; it was reduced to 2880x2880")
def png_of_a_large_photograph(folder: Path) -> Path:
    return put(folder / "a.png", _png(4900, 4900, data=_chunk(b"IDAT", zlib.compress(bytes(4901 * 4900), 1))))


@hostile(frames=(1, 1), warning="4900x4900 pixels; it was reduced to 2880x2880")
def webp_of_a_large_photograph(folder: Path) -> Path:
    Image.new("RGB", (4900, 4900)).save(folder / "a.webp", method=0)
    return folder / "a.webp"


@hostile("4000x4000 pixels")
def gif_of_two_large_pictures(folder: Path) -> Path:
    return put(folder / "a.gif", _gif((4000, 4000), _gif_frame(), _gif_frame()))


@hostile(BROKEN)
def png_with_a_text_bomb(folder: Path) -> Path:
    text = _chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(60_000_000), 9))
    return put(folder / "a.png", _png(8, 8, data=_chunk(b"IDAT", zlib.compress(bytes(72))) + text))


@hostile("not possible")
def png_without_width(folder: Path) -> Path:
    return put(folder / "a.png", _png(0, 8, data=_chunk(b"IDAT", zlib.compress(b""))))


@hostile("65535x65535 pixels")
def gif_with_a_huge_canvas(folder: Path) -> Path:
    return change(clips.draw_gif(folder / "a.gif").path, lambda data: struct.pack_into("<HH", data, 6, 65535, 65535))


@hostile("16384x16384 pixels|16777216")
def webp_with_a_lying_canvas(folder: Path) -> Path:
    def edit(data: bytearray) -> None:
        data[24:30] = (16383).to_bytes(3, "little") * 2

    return change(clips.draw_webp(folder / "a.webp").path, edit)


@hostile("limit is 24.9 million|far too many pixels")
def jpeg_with_a_lying_size(folder: Path) -> Path:
    def edit(data: bytearray) -> None:
        at = data.index(b"\xff\xc0")
        struct.pack_into(">HH", data, at + 5, 65500, 65500)

    return change(clips.draw_still(folder / "a.jpg").path, edit)


@hostile("passes; the limit")
def jpeg_of_a_hundred_thousand_scans(folder: Path) -> Path:
    """Each scan makes the decoder walk over the whole picture for twenty bytes of file."""
    image = io.BytesIO()
    Image.new("RGB", (3000, 2700)).save(image, "JPEG", progressive=True)
    data = image.getvalue()
    at = data.rindex(b"\xff\xda")
    return put(folder / "a.jpg", data[:at] + (data[at:-2]) * 20_000 + b"\xff\xd9")


@hostile("more than 28800 frames")
def apng_of_a_hundred_thousand_frames(folder: Path) -> Path:
    parts, data = [_chunk(b"acTL", struct.pack(">II", 100_000, 0))], zlib.compress(b"\0\0")
    number = 0
    for index in range(100_000):
        parts.append(_chunk(b"fcTL", struct.pack(">IIIIIHHBB", number, 1, 1, 0, 0, 1, 50, 0, 0)))
        body = data if index == 0 else struct.pack(">I", number + 1) + data
        parts.append(_chunk(b"fdAT" if index else b"IDAT", body))
        number += 1 + bool(index)
    return put(folder / "a.png", _png(1, 1, data=b"".join(parts)))


@hostile("more than 28800 frames")
def gif_of_a_hundred_thousand_frames(folder: Path) -> Path:
    frame = b"!\xf9\x04\0\x05\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0"
    head = b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff"
    return put(folder / "a.gif", head + frame * 100_000 + b";")


@hostile("200 s long; the limit is 120 s")
def hours_of_a_still(folder: Path) -> Path:
    return clips.draw(folder / "a.mp4", frames=200, fps=1, size=(16, 16)).path


@hostile("101 tracks; the limit is 32")
def a_hundred_tracks(folder: Path) -> Path:
    clip = clips.draw(folder / "b.mp4", frames=2, audio=True).path
    return _ffmpeg(folder / "a.mp4", "-i", str(clip), "-map", "0:v", *["-map", "0:a"] * 100, "-c", "copy")


@hostile(r"8192x4096 pixels")
def h264_with_huge_pictures(folder: Path) -> Path:
    with av.open(str(folder / "a.mp4"), "w") as out:
        stream = out.add_stream("libx264", rate=10, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 8192, 4096, "yuv420p"
        out.mux(stream.encode(av.VideoFrame(8192, 4096, "yuv420p")))
        out.mux(stream.encode(None))
    return folder / "a.mp4"


# Headers that lie.


@hostile(frames=(8, 8))
def mp4_that_says_it_lasts_for_days(folder: Path) -> Path:
    def edit(data: bytearray) -> None:
        struct.pack_into(">I", data, box(data, b"mvhd") + 16, 0x7FFFFFFF)
        struct.pack_into(">I", data, box(data, b"mdhd") + 16, 0x7FFFFFFF)
        struct.pack_into(">I", data, box(data, b"tkhd") + 20, 0x7FFFFFFF)

    return change(clips.draw(folder / "a.mp4").path, edit)


@hostile(f"{BROKEN}|the limit is|no frames")
def mp4_of_two_billion_frames(folder: Path) -> Path:
    def edit(data: bytearray) -> None:
        struct.pack_into(">I", data, box(data, b"stsz") + 8, 0x7FFFFFFF)
        struct.pack_into(">II", data, box(data, b"stts") + 4, 1, 0x7FFFFFFF)

    return change(clips.draw(folder / "a.mp4").path, edit)


@hostile(frames=(1, 8))
def mp4_of_a_billion_ticks_a_second(folder: Path) -> Path:
    def edit(data: bytearray) -> None:
        struct.pack_into(">I", data, box(data, b"mdhd") + 12, 1_000_000_000)

    return change(clips.draw(folder / "a.mp4").path, edit)


@hostile("1024 s long; the limit is 120 s")
def mp4_without_a_clock(folder: Path) -> Path:
    def edit(data: bytearray) -> None:
        struct.pack_into(">I", data, box(data, b"mdhd") + 12, 0)
        struct.pack_into(">I", data, box(data, b"mvhd") + 12, 0)

    return change(clips.draw(folder / "a.mp4").path, edit)


def _timed(path: Path, stamps: list[int], durations: list[int] | None = None) -> Path:
    """FFV1 frames at stamps of our choice, in milliseconds."""
    rgb, _ = clips.pictures(len(stamps))
    with av.open(str(path), "w") as out:
        stream = out.add_stream("ffv1", rate=10)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "bgr0"
        packets = [
            packet
            for picture in rgb
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="bgr0"))
        ]
        for packet, stamp, duration in zip(packets, stamps, durations or [0] * len(stamps), strict=True):
            packet.pts = packet.dts = stamp
            packet.duration, packet.time_base = duration, Fraction(1, 1000)
            out.mux(packet)
    return path


def _shifted(folder: Path, seconds: float) -> Path:
    clip = clips.draw(folder / "b.mp4", frames=6).path
    return _ffmpeg(folder / "a.mp4", "-i", str(clip), "-c", "copy", "-output_ts_offset", str(seconds))


@hostile(frames=(3, 6))
def times_before_zero(folder: Path) -> Path:
    return _shifted(folder, -0.25)


@hostile("no frames in it")
def all_times_before_zero(folder: Path) -> Path:
    return _shifted(folder, -2)


@hostile(r"315360000\.1 s long; the limit is 120 s")
def time_that_jumps_by_ten_years(folder: Path) -> Path:
    return _timed(folder / "a.mkv", [0, 100, 200, 315_360_000_000])


@hostile(frames=(1, 3))
def time_that_stands_still(folder: Path) -> Path:
    return _timed(folder / "a.mkv", [0, 0, 0, 100, 100, 200])


@hostile(frames=(6, 6))
def webp_frames_without_duration(folder: Path) -> Path:
    def edit(data: bytearray) -> None:
        at = -1
        while (at := data.find(b"ANMF", at + 1)) >= 0:
            data[at + 20 : at + 23] = bytes(3)

    return change(clips.draw_webp(folder / "a.webp").path, edit)


@hostile(BROKEN + "|the limit is|not possible")
def webp_frame_outside_its_canvas(folder: Path) -> Path:
    def edit(data: bytearray) -> None:
        at = data.index(b"ANMF") + 8
        data[at : at + 3] = (4000).to_bytes(3, "little")

    return change(clips.draw_webp(folder / "a.webp").path, edit)


@hostile(frames=(2, 2), warning="37 degrees|323 degrees")
def turned_by_37_degrees(folder: Path) -> Path:
    return clips.draw(folder / "a.mp4", frames=2, rotation=37).path


@hostile(frames=(2, 2), warning="treated as square")
def pixels_ten_thousand_times_as_high_as_wide(folder: Path) -> Path:
    def edit(data: bytearray) -> None:
        at = box(data, b"pasp")
        struct.pack_into(">II", data, at, 1, 10_000)

    return change(clips.draw(folder / "a.mp4", frames=2, sar=Fraction(2)).path, edit)


@hostile(BROKEN + "|no video")
def mp4_boxes_without_end(folder: Path) -> Path:
    inner = b""
    for _ in range(3000):
        inner = struct.pack(">I", len(inner) + 8) + b"moov" + inner
    return put(folder / "a.mp4", b"\0\0\0\x10ftypisom\0\0\0\0" + inner)


@hostile(frames=(8, 8))
def mov_that_names_another_file(folder: Path) -> Path:
    """Its data reference claims to be external: ours must go on reading this file, or refuse, and open no other."""

    def edit(data: bytearray) -> None:
        at = data.index(b"url ")
        data[at + 4 : at + 8] = bytes(4)

    return change(clips.draw(folder / "a.mov").path, edit)


# Kilobytes that ask for gigabytes.

MANY = 50_000_000


def _box(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body) + 8) + name + body


@hostile("lists 50000000 samples; the limit is 4000000")
def mp4_whose_samples_have_all_one_size(folder: Path) -> Path:
    def edit(data: bytearray) -> None:
        struct.pack_into(">II", data, box(data, b"stsz") + 4, 1, MANY)
        struct.pack_into(">IIII", data, box(data, b"stsc") + 4, 1, 1, MANY, 1)
        struct.pack_into(">III", data, box(data, b"stts") + 4, 1, MANY, 1)

    return change(clips.draw(folder / "a.mp4").path, edit)


@hostile(r"lists 1500000\d\d samples; the limit is 4000000")
def mp4_fragments_of_nothing(folder: Path) -> Path:
    clip = clips.draw(folder / "b.mp4", frames=4).path
    whole = _ffmpeg(folder / "a.mp4", "-i", str(clip), "-c", "copy", "-movflags", "+frag_keyframe+empty_moov")
    head = _box(b"tfhd", struct.pack(">IIIII", 0x020038, 1, 1, 1, 0x1010000))
    run = _box(b"traf", head + _box(b"trun", struct.pack(">II", 0, MANY)))
    return put(whole, whole.read_bytes() + _box(b"moof", _box(b"mfhd", struct.pack(">II", 0, 9)) + run) * 3)


@hostile("stores its index compressed")
def mov_whose_index_is_a_bomb(folder: Path) -> Path:
    squeeze = zlib.compressobj(9)
    zeros = b"".join(squeeze.compress(bytes(1 << 20)) for _ in range(100)) + squeeze.flush()
    data = _box(b"dcom", b"zlib") + _box(b"cmvd", struct.pack(">I", 100 << 20) + zeros)
    return put(folder / "a.mov", _box(b"ftyp", b"qt  \0\0\0\0qt  ") + _box(b"moov", _box(b"cmov", data)))


@hostile(frames=(8, 8))
def mov_with_a_minute_of_raw_sound(folder: Path) -> Path:
    """Six million samples of two bytes: legitimate, and libavformat takes them by the chunk."""
    clip = clips.draw(folder / "b.mp4").path
    tone = ("-f", "lavfi", "-i", "sine=d=120:r=48000", "-i", str(clip))
    return _ffmpeg(folder / "a.mov", *tone, "-map", "0", "-map", "1", "-c:a", "pcm_s16le", "-c:v", "copy")


# Odd, and yet to be read.


@hostile(frames=(3, 3))
def one_pixel(folder: Path) -> Path:
    return clips.draw(folder / "a.mkv", codec="ffv1", pix_fmt="bgr0", frames=3, size=(1, 1)).path


@hostile(frames=(3, 3))
def odd_size(folder: Path) -> Path:
    return clips.draw(folder / "a.webm", frames=3, size=(97, 63)).path


@hostile(frames=(1, 1))
def one_column(folder: Path) -> Path:
    return put(folder / "a.png", _png(1, 16_000, data=_chunk(b"IDAT", zlib.compress(bytes(32_000)))))


@hostile(frames=(3, 3))
def sixteen_bits(folder: Path) -> Path:
    return clips.draw(folder / "a.mkv", codec="ffv1", pix_fmt="yuv444p16le", frames=3).path


@hostile(frames=(1, 1))
def sixteen_bit_grey_png(folder: Path) -> Path:
    Image.fromarray(np.linspace(0, 65535, 4096, dtype=np.uint16).reshape(64, 64)).save(folder / "a.png")
    return folder / "a.png"


@hostile(frames=(1, 1))
def cmyk_jpeg(folder: Path) -> Path:
    Image.new("CMYK", (40, 30), (10, 200, 30, 5)).save(folder / "a.jpg")
    return folder / "a.jpg"


def _motion_jpeg(path: Path, sizes: list[tuple[int, int]]) -> Path:
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mjpeg", rate=10)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuvj420p"
        for number, size in enumerate(sizes):
            image = io.BytesIO()
            Image.new("RGB", size, (number * 30, 0, 90)).save(image, "JPEG")
            packet = av.Packet(image.getvalue())
            packet.stream, packet.time_base = stream, Fraction(1, 10)
            packet.pts = packet.dts = number
            out.mux(packet)
    return path


@hostile(frames=(8, 8))
def size_that_changes(folder: Path) -> Path:
    """The first one counts."""
    return _motion_jpeg(folder / "a.mkv", [(96, 64)] * 4 + [(320, 200)] * 4)


@hostile(frames=(2, 4), warning="left out|skipped")
def pictures_larger_than_said(folder: Path) -> Path:
    return _motion_jpeg(folder / "a.mkv", [(96, 64), (6000, 6000), (96, 64), (9000, 9000)])


@hostile(frames=(20, 30), warning="left out|$")
def damage_in_the_middle(folder: Path) -> Path:
    def edit(data: bytearray) -> None:
        middle = len(data) // 2
        data[middle : middle + 2000] = random.Random(4).randbytes(2000)

    return change(clips.draw(folder / "a.mp4", frames=30, size=(320, 240), gop=5).path, edit)


@hostile(frames=(6, 6))
def gif_with_a_zip_behind(folder: Path) -> Path:
    path = clips.draw_gif(folder / "a.gif").path
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("x.txt", "hidden")
    return path


@hostile(frames=(8, 8))
def mp4_with_noise_behind(folder: Path) -> Path:
    path = clips.draw(folder / "a.mp4").path
    return put(path, path.read_bytes() + random.Random(5).randbytes(100_000))


@hostile(frames=(6, 6))
def gif_that_repeats_for_ever(folder: Path) -> Path:
    return clips.draw_gif(folder / "a.gif").path


@hostile(frames=(1, 8))
def playlist_within_an_avi(folder: Path) -> Path:
    """A text track whose packets are themselves files: libavformat opens such a track with a reader of its choice."""
    inner = b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"
    text = b"GAB2\0" + struct.pack("<HI", 2, 4) + "a\0".encode("utf-16-le")
    text += struct.pack("<HI", 4, len(inner)) + inner
    image = io.BytesIO()
    Image.new("RGB", (32, 32), (9, 99, 9)).save(image, "JPEG")
    return put(folder / "a.avi", _avi([(b"00dc", image.getvalue()), (b"01tx", text), (b"00dc", image.getvalue())]))


@hostile(frames=(2, 2))
def avi_with_a_dropped_picture(folder: Path) -> Path:
    image = io.BytesIO()
    Image.new("RGB", (32, 32), (9, 99, 9)).save(image, "JPEG")
    return put(folder / "a.avi", _avi([(b"00dc", image.getvalue()), (b"00dc", b""), (b"00dc", image.getvalue())]))


def _riff(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) & 1)


def _avi(packets: list[tuple[bytes, bytes]]) -> bytes:
    def track(kind: bytes, handler: bytes, layout: bytes) -> bytes:
        head = kind + handler + struct.pack("<IHHIIIIIIIIHHHH", 0, 0, 0, 0, 1, 10, 0, 2, 0, 0, 0, 0, 0, 32, 32)
        return _riff(b"LIST", b"strl" + _riff(b"strh", head) + _riff(b"strf", layout))

    main = struct.pack("<IIIIIIIIII4I", 100_000, 0, 0, 0x10, 2, 0, 2, 0, 32, 32, 0, 0, 0, 0)
    picture = struct.pack("<IiiHH4sIiiII", 40, 32, 32, 1, 24, b"MJPG", 3072, 0, 0, 0, 0)
    tracks = track(b"vids", b"MJPG", picture) + track(b"txts", b"\0\0\0\0", b"")
    heads = _riff(b"LIST", b"hdrl" + _riff(b"avih", main) + tracks)
    movie = _riff(b"LIST", b"movi" + b"".join(_riff(name, body) for name, body in packets))
    return _riff(b"RIFF", b"AVI " + heads + movie)


# Found by fuzzing.


def _gif(canvas: tuple[int, int], *frames: bytes, palette: bool = True) -> bytes:
    head = b"GIF89a" + struct.pack("<HHBBB", *canvas, 0x80 if palette else 0, 0, 0)
    return head + (b"\0\0\0\xff\xff\xff" if palette else b"") + b"".join(frames) + b";"


def _gif_frame(x: int = 0, y: int = 0, *, clear: bool = False) -> bytes:
    """A pixel at that place, shown for 0.1 s."""
    control = b"!\xf9\x04" + bytes([int(clear), 10, 0, 0, 0])
    return control + b"," + struct.pack("<HHHHB", x, y, 1, 1, 0) + b"\x02\x02D\x01\0"


@hostile(frames=(3, 3))
def gif_frame_beyond_its_canvas(folder: Path) -> Path:
    """Pillow lets the canvas grow for it, so that a frame had another size than the clip."""
    return put(folder / "a.gif", _gif((20, 20), _gif_frame(), _gif_frame(300, 200), _gif_frame()))


@hostile("60001x60001 pixels")
def gif_frame_far_beyond_its_canvas(folder: Path) -> Path:
    """Pillow's alarm for bombs, which is no OSError, came through."""
    return put(folder / "a.gif", _gif((20, 20), _gif_frame(), _gif_frame(60_000, 60_000)))


@hostile(frames=(1, 2))
def gif_without_any_colours(folder: Path) -> Path:
    """Pillow asserts that what is transparent has a palette."""
    return put(folder / "a.gif", _gif((2, 2), _gif_frame(clear=True), _gif_frame(1, 1, clear=True), palette=False))
