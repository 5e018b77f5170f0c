"""Sound under the picture, whatever the clip's own track does."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tests.clips import draw, ffmpeg
from tests.sinks.readback import drawn
from vimix.sinks import AudioFrom, Encoding, open_sink
from vimix.sinks.base import part_name


def write(path: Path, name: str, clip: Path, seconds: int = 2) -> Path:
    with open_sink(name, path, Encoding(audio=AudioFrom(clip, end=Fraction(seconds)), fps=Fraction(10))) as sink:
        for frame in drawn(10 * seconds, fps=10):
            sink.write(frame)
    return path


def loudness(path: Path) -> list[float]:
    """The root mean square of each tenth of a second, of full scale."""
    with av.open(str(path)) as file:
        resampled = av.AudioResampler("fltp", "mono", 48000)
        parts = [part.to_ndarray()[0] for frame in file.decode(audio=0) for part in resampled.resample(frame)]
    sound = np.concatenate(parts)
    tenths = sound[: len(sound) // 4800 * 4800].reshape(-1, 4800)
    return [float(value) for value in np.sqrt((tenths**2).mean(axis=1))]


@pytest.mark.parametrize(
    ("first", "second"), [((2, 48000), (6, 48000)), ((6, 48000), (1, 48000)), ((2, 32000), (2, 44100))]
)
def test_sound_goes_on_where_channels_or_rate_change(
    tmp_path: Path, first: tuple[int, int], second: tuple[int, int]
) -> None:
    for number, (channels, rate) in enumerate((first, second)):
        tone = ("-f", "lavfi", "-i", "sine=440:d=1", "-ac", channels, "-ar", rate)
        ffmpeg(*tone, "-c:a", "ac3", tmp_path / f"{number}.ac3")
    (tmp_path / "all.ac3").write_bytes((tmp_path / "0.ac3").read_bytes() + (tmp_path / "1.ac3").read_bytes())
    picture = draw(tmp_path / "v.mp4", frames=20).path
    ffmpeg("-i", picture, "-i", tmp_path / "all.ac3", "-map", "0:v", "-map", "1:a", "-c", "copy", tmp_path / "in.mkv")
    tenths = loudness(write(tmp_path / "out.webm", "webm", tmp_path / "in.mkv"))
    assert len(tenths) >= 19
    assert min(tenths[1:18]) > 0.02, tenths


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 6, 7, 8])
@pytest.mark.parametrize("suffix", [".mov", ".mkv", ".avi"])
def test_every_number_of_channels_is_mixed_down(tmp_path: Path, channels: int, suffix: str) -> None:
    picture, merge = draw(tmp_path / "v.mp4", frames=10).path, "|".join(f"c{n}=c0" for n in range(channels))
    tone = ("-f", "lavfi", "-i", "sine=440:d=1", "-af", f"pan={channels}c|{merge}", "-c:a", "pcm_s16le")
    ffmpeg("-i", picture, *tone, "-c:v", "copy", tmp_path / f"in{suffix}")
    assert max(loudness(write(tmp_path / "out.webm", "webm", tmp_path / f"in{suffix}", 1))) > 0.02


@pytest.mark.parametrize("name", ["12:30:45.webm", "cut:1.mp4", "http:a.mov", "%d é.webm"])
def test_a_name_is_no_protocol(tmp_path: Path, name: str) -> None:
    clip = draw(tmp_path / "12:30:45.mp4", frames=10, audio=True).path
    kind = {".webm": "webm", ".mp4": "mp4", ".mov": "mov"}[Path(name).suffix]
    assert max(loudness(write(tmp_path / name, kind, clip, 1))) > 0.02


@pytest.mark.parametrize(
    "name", ["a.webm", "\u9577\u3044\u984c\u540d" * 20 + ".webp", "\u0416" * 120 + ".webm", "x" * 250 + ".gif"]
)
def test_the_unfinished_name_is_short_in_bytes(name: str) -> None:
    assert len(part_name(name).encode()) <= 120
    assert part_name(name) != part_name(name)


def tones(path: Path, *inputs: str, args: tuple[object, ...] = ()) -> Path:
    """A clip with those sound tracks under it."""
    picture = draw(path.with_name("v.mp4"), frames=10).path
    sources = [part for tone in inputs for part in ("-f", "lavfi", "-i", tone)]
    maps = [part for number in range(len(inputs)) for part in ("-map", f"{number + 1}:a")]
    ffmpeg("-i", picture, *sources, "-map", "0:v", *maps, "-c:v", "copy", *args, path)
    return path


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("marked", [0, 1, 2])
def test_the_track_marked_as_default_is_taken(tmp_path: Path, suffix: str, marked: int) -> None:
    marks = [part for n in range(3) for part in (f"-disposition:a:{n}", "default" if n == marked else "0")]
    clip = tones(tmp_path / f"in{suffix}", *(f"sine={n}:d=1" for n in (300, 800, 2000)), args=tuple(marks))
    with av.open(str(write(tmp_path / "out.webm", "webm", clip, seconds=1))) as file:
        wave = np.concatenate([frame.to_ndarray()[0] for frame in file.decode(audio=0)])[12000:36000]
    heard = np.argmax(np.abs(np.fft.rfft(wave))) * 48000 / len(wave)
    assert heard == pytest.approx((300, 800, 2000)[marked], rel=0.02)


def test_a_track_of_rubbish_gives_way_to_the_next(tmp_path: Path) -> None:
    clip = tones(tmp_path / "in.mp4", "sine=300:d=1", "sine=800:d=1", args=("-c:a", "aac"))
    with av.open(str(clip)) as file:
        places = [packet.pos or 0 for packet in file.demux(audio=0) if packet.size]
    data = bytearray(clip.read_bytes())
    for place in places:
        data[place : place + 12] = bytes([255] * 12)
    clip.write_bytes(data)
    assert max(loudness(write(tmp_path / "out.webm", "webm", clip, seconds=1))) > 0.05
