"""What other sites show of a link to us: title, description and picture, in the first lines of the page.

A link to a finished job has a picture of its own: the frame that the job left for the page, on a checkerboard, in the
shape that messengers and networks crop least. All that is decoded here are pictures that we have made ourselves.
"""

import asyncio
import html
import io
import re
from functools import lru_cache

import numpy as np
from PIL import Image
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from vimix.errors import NotFound, VimixError
from vimix.jobs.service import JobService
from vimix.web.api.answers import answering

ABOUT = "Remove the background from any video and keep real transparency: WebP, WebM, GIF, ProRes, stickers"
SIZE = (1200, 630)
"""Pixels of a shared picture: 1.91 to 1, which every network takes."""
MARGIN = 36
SQUARE = 30
"""Pixels of a square of the checkerboard."""
LIGHT, DARK = (255, 255, 255), (228, 230, 236)
_THEIRS = re.compile(rb'<meta\s+(?:property="og:|name="twitter:)[^>]*>\s*')


def without_placeholders(page: bytes) -> bytes:
    """The page without Gradio's own Open Graph and Twitter tags."""
    return _THEIRS.sub(b"", page)


def tags(service: JobService, root: str, job: str) -> str:
    """The tags of the first page, or of the page on `job` where there is such a job. `root` is our address."""
    title, address, picture = "Vimix: remove the background from any video", f"{root}/", f"{root}/examples/share.jpg"
    if job:
        try:
            title = f"{service.job(job).input_name}, without its background"
            address, picture = f"{root}/j/{job}", f"{root}/r/{job}/share.jpg"
        except VimixError:
            pass  # the page itself says that the link has expired
    named = {"og:type": "website", "og:site_name": "Vimix", "og:title": title, "og:description": ABOUT}
    named |= {"og:url": address, "og:image": picture}
    named |= {"og:image:width": str(SIZE[0]), "og:image:height": str(SIZE[1])}
    lines = [f'<meta name="description" content="{ABOUT}">']
    lines += [f'<meta property="{name}" content="{html.escape(value)}">' for name, value in named.items()]
    lines.append('<meta name="twitter:card" content="summary_large_image">')
    return "".join(lines)


def on_checkerboard(cut_out: Image.Image) -> bytes:
    """A JPEG of `SIZE`: the cut-out as large as it fits, on squares."""
    across, down = np.arange(SIZE[0]) // SQUARE, np.arange(SIZE[1]) // SQUARE
    odd = ((down[:, None] + across) % 2).astype(bool)
    board = Image.fromarray(np.where(odd[..., None], LIGHT, DARK).astype(np.uint8))
    room = (SIZE[0] - 2 * MARGIN, SIZE[1] - 2 * MARGIN)
    scale = min(room[0] / cut_out.width, room[1] / cut_out.height)
    size = (max(1, round(cut_out.width * scale)), max(1, round(cut_out.height * scale)))
    whole = cut_out.convert("RGBA").resize(size, Image.Resampling.LANCZOS)
    board.paste(whole, ((SIZE[0] - size[0]) // 2, (SIZE[1] - size[1]) // 2), whole)
    buffer = io.BytesIO()
    board.save(buffer, "JPEG", quality=82)
    return buffer.getvalue()


@lru_cache(maxsize=64)
def _shared(frame: bytes) -> bytes:
    return on_checkerboard(Image.open(io.BytesIO(frame), formats=["WEBP"]))


def routes(service: JobService) -> list[BaseRoute]:
    """`/r/{job}/share.jpg` for other sites, `/r/{job}/frame.webp` for our own lists."""

    async def frame_of(request: Request) -> bytes:
        frame = await asyncio.to_thread(service.preview, request.path_params["job"])
        if frame is None:
            raise NotFound("There is no picture of this clip.")
        return frame

    async def share(request: Request) -> Response:
        picture = await asyncio.to_thread(_shared, await frame_of(request))
        return Response(picture, media_type="image/jpeg", headers={"cache-control": "public, max-age=3600"})

    async def frame(request: Request) -> Response:
        kept = {"cache-control": "private, max-age=60"}  # it is deleted with the clip
        return Response(await frame_of(request), media_type="image/webp", headers=kept)

    return [
        Route("/r/{job}/share.jpg", answering(share), methods=["GET"]),
        Route("/r/{job}/frame.webp", answering(frame), methods=["GET"]),
    ]
