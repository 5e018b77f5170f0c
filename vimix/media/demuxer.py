"""The one way a video file is opened, behind three locks: only the reader that its first bytes call for, no protocol,
and no second file, whatever a playlist, a reference or a subtitle inside asks for."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NoReturn, cast

import av
from av.container import InputContainer
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from vimix.concurrency.threads import cores
from vimix.errors import Unreadable
from vimix.media.file_type import Kind
from vimix.media.limits import Limits, check_streams
from vimix.media.mp4_index import check_index

DECODERS = frozenset({
    "h264", "hevc", "libdav1d", "av1", "vp8", "vp9", "libvpx", "libvpx-vp9", "mpeg4", "mpeg2video", "mpeg1video",
    "h263", "flv", "msmpeg4v1", "msmpeg4v2", "msmpeg4", "mjpeg", "mjpegb", "prores", "dnxhd", "png", "qtrle", "ffv1",
    "rawvideo", "cfhd", "huffyuv", "ffvhuff", "utvideo", "magicyuv", "lagarith", "fraps", "theora", "dvvideo", "wmv1",
    "wmv2", "wmv3", "vc1", "svq1", "svq3", "cinepak", "hap", "v210", "gif",
})  # fmt: skip
"""Those that real clips need, by libavcodec's own names (DivX 3 is msmpeg4); the others are other people's bugs."""
_WITH_ALPHA = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
"""ffmpeg's own decoders of these ignore their alpha."""
_READERS = {"mov": "mov,mp4,m4a,3gp,3g2,mj2", "matroska": "matroska,webm", "avi": "avi"}
"""What libavformat calls them in full."""


@contextmanager
def opened(path: Path, kind: Kind, limits: Limits) -> Iterator[InputContainer]:
    """The file. Raises `Refused`, `Unreadable`."""
    with ExitStack() as open_things:
        try:
            if kind.demuxer == "mov":
                check_index(path)
            file = open_things.enter_context(path.open("rb"))
            container = av.open(
                file,
                mode="r",
                format=kind.demuxer,
                io_open=_refuse_to_open,
                metadata_errors="replace",
                options={
                    "format_whitelist": _READERS[kind.demuxer],
                    "protocol_whitelist": "",
                    "codec_whitelist": ",".join(sorted(DECODERS)),
                    "max_pixels": _most_pixels(limits),
                    "max_streams": str(4 * limits.max_streams),
                },
            )
            open_things.callback(container.close)
            check_streams(len(container.streams), limits)
        except (av.FFmpegError, OSError, ValueError, UnicodeError) as error:
            unreadable(error)
        yield container


def open_decoder(stream: VideoStream, limits: Limits) -> VideoCodecContext:
    """The stream's own decoder, or the one that knows its alpha; bounded in pixels and threads."""
    decoder = stream.codec_context
    if decoder.name in _WITH_ALPHA and _says_alpha(stream):
        decoder = cast(VideoCodecContext, av.CodecContext.create(_WITH_ALPHA[decoder.name], "r"))
        decoder.extradata = stream.codec_context.extradata
    decoder.options = {"max_pixels": _most_pixels(limits)}
    decoder.thread_type = "AUTO"
    decoder.thread_count = min(4, cores())
    return decoder


def _most_pixels(limits: Limits) -> str:
    """For libavcodec, which counts the padding of its buffers too: 2160x3840 must pass where 3840x2160 does."""
    return str(limits.max_pixels * 5 // 4 + 2**16)


def _refuse_to_open(*_: object) -> NoReturn:
    raise PermissionError("a clip may not open another file")


def unreadable(error: BaseException) -> NoReturn:
    """Say it in our words, and keep the library's for the log."""
    raise Unreadable("This file is damaged or cut off: it cannot be read as a video.", cause=str(error)) from None


def _says_alpha(stream: VideoStream) -> bool:
    return any(key.lower() == "alpha_mode" and value == "1" for key, value in stream.metadata.items())
