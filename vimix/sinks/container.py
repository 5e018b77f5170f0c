"""The video formats: every codec is a row."""

from collections.abc import Callable
from pathlib import Path

from vimix.sinks.base import Encoder, Encoding, Start
from vimix.sinks.video_file import CLOCK, Video, VideoFile, colour_above_matte, matte_only, without_alpha


def video(kind: Video) -> Start:
    """How a file of that kind is begun."""

    def start(path: Path, encoding: Encoding, width: int, height: int) -> Encoder:
        return VideoFile(path, encoding, width, height, kind)

    return start


def _between(worst: float, best: float) -> Callable[[int], str]:
    """A scale of an encoder for qualities of 0 to 100."""
    return lambda quality: str(round(worst + (best - worst) * quality / 100))


_VP9 = {"b": "0", "deadline": "realtime", "cpu-used": "7", "row-mt": "1", "auto-alt-ref": "0", "lag-in-frames": "0"}
"""libvpx's options for one pass in real time. `cpu-used` 7 for 5 takes 38 % less processor time at 1080p, for 5 % more
bytes and 0.1 dB of luma; 8 would take 21 % less again, for 15 % more bytes. Looking
ahead (25 frames unless told otherwise) is of no use without alternate references: it takes 0.75 GB at 4K and saves
0.1 % of the bytes."""
_PRORES = {"profile": "4444", "alpha_bits": "8", "vendor": "apl0", "flags": "+qscale"}
_FAST_START = {"movflags": "+faststart"}


def _x265(encoding: Encoding, path: Path) -> list[str]:
    crf, rate = _between(44, 19)(encoding.quality), str(int(min(128_000, encoding.sound_rate)))
    colours = ["-vf", "setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709:range=tv"]
    encode = ["-c:v", "libx265", "-preset", "veryfast", "-crf", crf, "-tag:v", "hvc1", *colours]
    params = ["-x265-params", f"log-level=none:pools={encoding.threads}", "-pix_fmt", "yuva420p"]
    times = ["-fps_mode", "passthrough", "-enc_time_base:v", "demux", "-video_track_timescale", str(CLOCK)]
    sound = ["-c:a", "aac", "-b:a", rate]
    read = ["-f", "nut", "-i", "pipe:0", "-map", "0"]
    return [*read, *encode, *params, *times, *sound, "-movflags", "+faststart", "-f", "mov", "-y", str(path)]


WEBM = Video(
    "webm",
    "libvpx-vp9",
    "yuva420p",
    lambda quality: {"crf": _between(60, 22.5)(quality), **_VP9},
    audio="libopus",
    metadata={"alpha_mode": "1"},
)
MOV = Video(
    "mov",
    "prores_ks",
    "yuva444p10le",
    lambda quality: {"global_quality": str(118 * int(_between(37, 2)(quality))), **_PRORES},
    audio="pcm_s16le",
    sound_from=48_000 * 16 * 2,
    frame_threads=True,
)
HEVC = Video("nut", "rawvideo", "yuva420p", lambda _: {}, audio="pcm_s16le", even=True, program=_x265)
MP4 = Video(
    "mp4",
    "libx264",
    "yuv420p",
    lambda quality: {"crf": _between(44, 14)(quality), "preset": "veryfast"},
    audio="aac",
    picture=without_alpha,
    mux=_FAST_START,
    even=True,
)
MATTE = Video(
    "mp4",
    "libx264",
    "yuv420p",
    lambda quality: {"crf": _between(36, 8)(quality), "preset": "veryfast"},
    picture=matte_only,
    title="matte",
    mux=_FAST_START,
    even=True,
)
STACKED = Video(
    "mp4",
    "libx264",
    "yuv420p",
    lambda quality: {"crf": _between(36, 8)(quality), "preset": "veryfast", "g": "12", "bf": "0"},
    picture=colour_above_matte,
    pictures=2,
    title="stacked",
    mux=_FAST_START,
    even=True,
)
"""A player seeks in it frame by frame: a key frame every 12 frames costs a tenth of the bytes."""
