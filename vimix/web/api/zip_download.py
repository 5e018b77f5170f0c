"""Several results as one archive, made while it is sent."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from zipstream import ZIP_STORED, ZipStream

from vimix.errors import VimixError
from vimix.jobs.service import JobService
from vimix.web.ui.presenter import download_name

MAX_JOBS = 50
"""Results in one archive: more than a page lists, few enough that one request does not hold a thread for hours."""


def _fetched(service: JobService, key: str, folder: str) -> Path:
    """The result out of the bucket, for as long as it takes to send it on."""
    file = Path(folder) / "result"
    service.files.fetch(key, file)
    return file


def zip_route(service: JobService) -> Route:
    """`/zip?jobs=a,b,c`: the finished ones among them. Stored, since the formats are compressed already."""

    def stream(jobs: list[str]) -> Iterator[bytes]:
        archive, used = ZipStream(compress_type=ZIP_STORED), set[str]()
        with tempfile.TemporaryDirectory(prefix="vimix-zip-") as folder:
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
                archive.add_path(path, called)
                yield from archive.all_files()
                if path.is_relative_to(folder):
                    path.unlink()
            yield from archive.finalize()

    def answer(request: Request) -> Response:
        jobs = list(dict.fromkeys(filter(None, request.query_params.get("jobs", "").split(","))))[:MAX_JOBS]
        if not jobs:
            return PlainTextResponse("Name the clips: /zip?jobs=…,…\n", 422)
        headers = {"Content-Disposition": 'attachment; filename="vimix.zip"', "Cache-Control": "no-store"}
        return StreamingResponse(stream(jobs), media_type="application/zip", headers=headers)

    return Route("/zip", answer, methods=["GET"])
