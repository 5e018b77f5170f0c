"""Several results as one archive, made while it is sent."""

import tempfile
import zipfile
from collections.abc import Iterator
from io import RawIOBase
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from vimix.errors import VimixError
from vimix.jobs.service import JobService
from vimix.web.ui.presenter import download_name

MAX_JOBS = 50
CHUNK = 1 << 18


class _Pipe(RawIOBase):
    """What is written can be taken out again, piece by piece."""

    def __init__(self) -> None:
        self.pieces = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.pieces += data
        return len(data)

    def take(self) -> bytes:
        taken, self.pieces = bytes(self.pieces), bytearray()
        return taken


def _fetched(service: JobService, key: str, folder: str) -> Path:
    """The result out of the bucket, for as long as it takes to send it on."""
    file = Path(folder) / "result"
    service.files.fetch(key, file)
    return file


def zip_route(service: JobService) -> Route:
    """`/zip?jobs=a,b,c`: the finished ones among them. Stored, not squeezed: the formats are tight already."""

    def stream(jobs: list[str]) -> Iterator[bytes]:
        pipe, used = _Pipe(), set[str]()
        with (
            tempfile.TemporaryDirectory(prefix="vimix-zip-") as folder,
            zipfile.ZipFile(pipe, "w", zipfile.ZIP_STORED) as archive,
        ):
            for name in jobs:
                try:
                    job, path, _ = service.result(name)
                    path = path or _fetched(service, job.result_key or "", folder)
                except VimixError:
                    continue
                called = download_name(job)
                if called in used:
                    called = f"{job.id[:6]}-{called}"
                used.add(called)
                with archive.open(called, "w") as inside, path.open("rb") as file:
                    while piece := file.read(CHUNK):
                        inside.write(piece)
                        yield pipe.take()
                if path.is_relative_to(folder):
                    path.unlink()
        yield pipe.take()

    def answer(request: Request) -> Response:
        jobs = list(dict.fromkeys(filter(None, request.query_params.get("jobs", "").split(","))))[:MAX_JOBS]
        if not jobs:
            return PlainTextResponse("Name the clips: /zip?jobs=…,…\n", 422)
        headers = {"Content-Disposition": 'attachment; filename="vimix.zip"', "Cache-Control": "no-store"}
        return StreamingResponse(stream(jobs), media_type="application/zip", headers=headers)

    return Route("/zip", answer, methods=["GET"])
