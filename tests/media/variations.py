"""Clips of the kinds that people's cameras and programs write, varied by a seed, against ffmpeg as another reader.

    python -m tests.media.variations [--seed 1] [--each 10] [KIND …]

prints for each kind how many clips were tried and each disagreement: in the number of pictures, their size, their times
or what they show.
"""

import argparse
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

from tests.clips import Pixels, draw, ffmpeg, pictures
from tests.media.test_cropping import with_clean_aperture, with_pixel_crop
from tests.media.test_filters import bars
from vimix.errors import Refused, Unreadable
from vimix.media.cropping import Crop
from vimix.media.decode import open_source

SIZE = (96, 64)
_CLOSE = 3.0
"""Levels of 255, on average over a picture: what two ways to double chroma differ by. One picture off is 5 or more."""


def raw(rgb: Pixels, fps: int) -> tuple[object, ...]:
    """Arguments by which ffmpeg takes pictures (N, H, W, 3) from its standard input."""
    return ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{rgb.shape[2]}x{rgb.shape[1]}", "-r", fps, "-i", "-")


def as_ffmpeg_reads(path: Path, size: tuple[int, int], *how: object) -> tuple[Pixels, list[Fraction]]:
    """Pictures (N, H, W, 3) and their times from the first, in seconds."""
    shown = ("-an", "-fps_mode", "passthrough", "-enc_time_base", "demux")
    convert = ("-sws_flags", "bicubic+accurate_rnd+full_chroma_int", "-pix_fmt", "rgb24")
    pixels = ffmpeg("-i", path, *how, *shown, *convert, "-f", "rawvideo", "-")
    listed = ffmpeg("-i", path, *how, *shown, "-c:v", "rawvideo", "-f", "framecrc", "-").decode().splitlines()
    clock = next(Fraction(line.split()[-1]) for line in listed if line.startswith("#tb 0"))
    stamps = [int(line.split(",")[2]) for line in listed if not line.startswith("#")]
    made = np.frombuffer(pixels, np.uint8)
    if len(made) != len(stamps) * size[0] * size[1] * 3:
        return np.empty((len(stamps), 0, 0, 3), np.uint8), []
    return made.reshape(len(stamps), size[1], size[0], 3), [(stamp - stamps[0]) * clock for stamp in stamps]


def compare(path: Path, *how: object, even: Fraction | None = None) -> Iterator[str]:
    """Where Vimix and ffmpeg, given `how`, read a file differently. `even`: seconds from picture to picture, where the
    file keeps no times for ffmpeg to read."""
    try:
        source = open_source(path)
        frames = list(source.frames())
    except (Refused, Unreadable) as error:
        yield f"refused: {error}"
        return
    size = source.info.width, source.info.height
    seen, times = as_ffmpeg_reads(path, size, *how)
    if len(seen) != len(frames) or len(frames) != source.info.frames:
        yield f"{len(frames)} pictures, {source.info.frames} announced, {len(seen)} by ffmpeg"
    if seen.shape[1:3] != (size[1], size[0]):
        yield f"pictures of {size[0]}x{size[1]}, of another size by ffmpeg"
        return
    times = [number * even for number in range(len(frames))] if even else times
    late = [abs(frame.time - time) for frame, time in zip(frames, times, strict=False)]
    if late and max(late) > Fraction(1, 500):
        yield f"a picture is {float(max(late)):.3f} s off"
    apart = [np.abs(frame.rgb.astype(int) - other).mean() for frame, other in zip(frames, seen, strict=False)]
    if apart and max(apart) > _CLOSE:
        yield f"picture {int(np.argmax(apart))} differs by {max(apart):.1f} levels"


def stamps(chance: random.Random, folder: Path) -> Iterator[str]:
    """B-frames, key frames and rates, with presentation times and without."""
    suffix, fps = chance.choice([".avi", ".avi", ".mkv", ".mp4", ".mov"]), chance.choice([10, 12, 24, 25, 30])
    codec = chance.choice(["libx264", "mpeg4", *(["mpeg2video"] if fps > 20 and suffix != ".avi" else [])])
    path, rgb = folder / f"a{suffix}", pictures(chance.randint(8, 30))[0]
    how = ["-c:v", codec, "-bf", chance.randint(0, 4), "-g", chance.choice([5, 12, 250]), "-pix_fmt", "yuv420p"]
    how += ["-crf", 12, "-x264opts", f"open-gop={chance.randint(0, 1)}:b-pyramid=none"] if codec == "libx264" else []
    ffmpeg(*raw(rgb, fps), *how, "-qmin", 1, "-q:v", 2, path, data=rgb.tobytes())
    yield from compare(path, even=Fraction(1, fps))


def times(chance: random.Random, folder: Path) -> Iterator[str]:
    """Variable rates, clips that begin late, edit lists."""
    path = folder / f"b{chance.choice(['.mp4', '.mkv', '.mov'])}"
    clip = draw(folder / "a.mp4", frames=chance.randint(6, 20), fps=chance.choice([12, 25]), variable=True, gop=6)
    late = chance.choice([0, 0.5, 1.25])
    cut = ("-ss", chance.choice([0.2, 0.4])) if chance.random() < 0.4 else ()
    ffmpeg(*cut, "-itsoffset", late, "-i", clip.path, "-c", "copy", path)
    yield from compare(path)


def tracks(chance: random.Random, folder: Path) -> Iterator[str]:
    """Thumbnails, covers and films in any order."""
    film = draw(folder / "film.mp4", frames=chance.randint(11, 20)).path
    other = draw(folder / "other.mp4", frames=1, size=chance.choice([(48, 32), (192, 128)])).path
    inputs = [film, other, other][: chance.choice([2, 3])]
    chance.shuffle(inputs)
    sources = [part for each in inputs for part in ("-i", each)]
    maps = [part for number in range(len(inputs)) for part in ("-map", number)]
    marked = chance.randrange(len(inputs))
    marks = [part for n in range(len(inputs)) for part in (f"-disposition:v:{n}", "default" if n == marked else "0")]
    path = folder / f"c{chance.choice(['.mp4', '.mov', '.mkv'])}"
    ffmpeg(*sources, *maps, "-c", "copy", *marks, path)
    yield from compare(path, "-map", f"0:v:{inputs.index(film)}")


def interlaced(chance: random.Random, folder: Path) -> Iterator[str]:
    """Fields in either order, by codecs that say so in the stream or leave it to the container."""
    first = chance.choice([0, 1])
    suffix, *how = chance.choice([
        (".mkv", "-c:v", "mpeg2video", "-q:v", "1", "-flags", "+ildct+ilme", "-pix_fmt", "yuv422p"),
        (".mov", "-c:v", "libx264", "-crf", "4", "-x264opts", "bff=1" if first else "tff=1", "-pix_fmt", "yuv420p"),
        (".mp4", "-c:v", "libx264", "-crf", "4", "-x264opts", "bff=1" if first else "tff=1", "-pix_fmt", "yuv420p"),
        (".mov", "-c:v", "prores_ks", "-flags", "+ildct", "-pix_fmt", "yuv422p10le"),
        (".mov", "-c:v", "v210", "-field_order", "bb" if first else "tt", "-pix_fmt", "yuv422p10le"),
    ])  # fmt: skip
    flag, rgb = ("bff" if first else "tff"), bars(chance.randint(2, 7), (320, 192), first, step=chance.randint(2, 9))
    path = folder / f"d{suffix}"
    ffmpeg(*raw(rgb, 25), "-vf", f"setfield={flag},scale=interl=1", *how, path, data=rgb.tobytes())
    yield from compare(path, "-vf", f"setfield={flag},bwdif=mode=send_frame")


def cropped(chance: random.Random, folder: Path) -> Iterator[str]:
    """A clean aperture or PixelCrop, of any parity; where an aperture goes beyond the picture on the left or at the top
    ffmpeg itself fails, so there it is kept within."""
    if chance.random() < 0.5:
        clip = draw(folder / f"e{chance.choice(['.mp4', '.mov'])}", frames=3).path
        wide, high = chance.randint(40, 98), chance.randint(30, 66)
        least = min(0, (wide - 96) // 2 + 1), min(0, (high - 64) // 2 + 1)
        path = with_clean_aperture(clip, wide, high, chance.randint(least[0], 6), chance.randint(least[1], 4))
    else:
        clip = draw(folder / f"e{chance.choice(['.mkv', '.webm'])}", frames=3).path
        path = with_pixel_crop(clip, Crop(*(chance.randint(0, 20) for _ in range(4))))
    yield from compare(path)


def codecs(chance: random.Random, folder: Path) -> Iterator[str]:
    """What is still found on old disks."""
    suffix, *how = chance.choice([
        (".avi", "-c:v", "msmpeg4", "-vtag", chance.choice(["DIV3", "MP43", "DIV4", "AP41"])),
        (".avi", "-c:v", "msmpeg4v2"), (".avi", "-c:v", "wmv1"), (".avi", "-c:v", "wmv2"), (".avi", "-c:v", "flv"),
        (".avi", "-c:v", "mpeg4", "-vtag", chance.choice(["XVID", "DX50", "DIVX", "FMP4"]), "-bf", chance.choice("02")),
        (".avi", "-c:v", "mjpeg", "-pix_fmt", chance.choice(["yuvj420p", "yuvj422p"])),
        (".avi", "-c:v", "utvideo", "-pix_fmt", chance.choice(["yuv420p", "gbrp"])),
        (".avi", "-c:v", "magicyuv", "-pix_fmt", chance.choice(["yuv444p", "gbrp"])),
        (".avi", "-c:v", "huffyuv", "-pix_fmt", chance.choice(["yuv422p", "rgb24"])),
        (".avi", "-c:v", "rawvideo", "-pix_fmt", chance.choice(["bgr24", "yuv420p", "yuyv422"])),
        (".mov", "-c:v", "svq1", "-pix_fmt", "yuv410p"), (".mov", "-c:v", "qtrle", "-pix_fmt", "rgb24"),
        (".mov", "-c:v", "cfhd", "-pix_fmt", "yuv422p10le"), (".mov", "-c:v", "mjpeg", "-pix_fmt", "yuvj444p"),
        (".webm", "-c:v", "libvpx", "-auto-alt-ref", 1, "-lag-in-frames", 6, "-b:v", "4M"),
        (".webm", "-c:v", "libvpx-vp9", "-auto-alt-ref", 1, "-lag-in-frames", 6, "-b:v", "4M"),
        (".mkv", "-c:v", "libtheora", "-q:v", 10), (".mkv", "-c:v", "ffv1", "-pix_fmt", "yuv420p10le"),
    ])  # fmt: skip
    rgb, path = pictures(chance.randint(4, 16))[0], folder / f"f{suffix}"
    quality = () if "-q:v" in how else ("-qmin", 1, "-q:v", 2)
    ffmpeg(*raw(rgb, 25), *how, *quality, path, data=rgb.tobytes())
    yield from compare(path, even=Fraction(1, 25))


def raw_sound(chance: random.Random, folder: Path) -> Iterator[str]:
    """Many samples of PCM, which no list of samples has to hold."""
    clip = draw(folder / "a.mp4", frames=6, fps=2).path
    many, rate = chance.randint(2, 4), chance.choice([48000, 96000])
    codec = chance.choice(["pcm_u8", "pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_f32le", "pcm_mulaw"])
    tone = ("-f", "lavfi", "-i", f"anullsrc=r={rate}:cl=mono:d={4_100_000 // (many * rate) + 1}")
    maps = [part for _ in range(many) for part in ("-map", "1:a")]
    path = folder / "g.mov"
    ffmpeg("-i", clip, *tone, "-map", "0:v", *maps, "-c:v", "copy", "-c:a", codec, path)
    yield from compare(path)


KINDS: dict[str, Callable[[random.Random, Path], Iterator[str]]] = {
    each.__name__: each for each in (stamps, times, tracks, interlaced, cropped, codecs, raw_sound)
}


def disagreements(kind: str, each: int, seed: int) -> list[str]:
    """What is read differently of `each` clips of a kind."""
    found = []
    for number in range(each):
        folder = Path(tempfile.mkdtemp(prefix="variation-"))
        try:
            found += [
                f"{kind} {number}: {said}" for said in KINDS[kind](random.Random(f"{seed} {kind} {number}"), folder)
            ]
        finally:
            shutil.rmtree(folder)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--each", type=int, default=10)
    parser.add_argument("kind", nargs="*", default=list(KINDS))
    asked = parser.parse_args()
    total = 0
    for kind in asked.kind:
        found = disagreements(kind, asked.each, asked.seed)
        print(f"{kind}: {asked.each} clips, {len(found)} disagreements", *found, sep="\n  ", flush=True)
        total += len(found)
    print(f"{total} disagreements in all")


if __name__ == "__main__":
    main()
