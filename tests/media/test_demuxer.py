"""The list of decoders, against the library that has them."""

from pathlib import Path

import av
import pytest

from tests.clips import draw, ffmpeg
from vimix.media.decode import open_source
from vimix.media.demuxer import DECODERS


@pytest.mark.parametrize("name", sorted(DECODERS))
def test_a_decoder_is_called_as_libavcodec_calls_it(name: str) -> None:
    """A row by any other name, such as a codec's, would refuse the clips that it is meant for."""
    codec = av.codec.Codec(name, "r")
    assert codec.name == name
    assert codec.type == "video"


@pytest.mark.parametrize(
    ("suffix", "args"),
    [
        (".avi", ("-c:v", "msmpeg4", "-vtag", "DIV3")),
        (".avi", ("-c:v", "msmpeg4", "-vtag", "MP43")),
        (".avi", ("-c:v", "msmpeg4v2")),
        (".avi", ("-c:v", "mpeg4", "-vtag", "XVID", "-bf", "2")),
        (".avi", ("-c:v", "mpeg4", "-vtag", "DX50")),
        (".avi", ("-c:v", "wmv1")),
        (".avi", ("-c:v", "wmv2")),
        (".avi", ("-c:v", "flv")),
        (".avi", ("-c:v", "mjpeg", "-pix_fmt", "yuvj420p")),
        (".avi", ("-c:v", "huffyuv")),
        (".avi", ("-c:v", "ffvhuff")),
        (".avi", ("-c:v", "utvideo")),
        (".avi", ("-c:v", "magicyuv")),
        (".avi", ("-c:v", "rawvideo", "-pix_fmt", "bgr24")),
        (".avi", ("-c:v", "cinepak")),
        (".mov", ("-c:v", "svq1", "-pix_fmt", "yuv410p")),
        (".mov", ("-c:v", "qtrle")),
        (".mov", ("-c:v", "mpeg2video")),
        (".mov", ("-c:v", "cfhd")),
        (".mkv", ("-c:v", "mpeg1video", "-r", "25")),
        (".mkv", ("-c:v", "libtheora")),
        (".mov", ("-c:v", "h263", "-s", "128x96")),
    ],
)  # fmt: skip
def test_what_old_cameras_and_programs_wrote_is_read(tmp_path: Path, suffix: str, args: tuple[str, ...]) -> None:
    clip = draw(tmp_path / "a.mp4", frames=6, fps=25).path
    ffmpeg("-i", clip, *args, tmp_path / f"b{suffix}")
    source = open_source(tmp_path / f"b{suffix}")
    assert len(list(source.frames())) == source.info.frames == 6
    assert not source.warnings
