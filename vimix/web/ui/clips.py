"""Files as the page names them: sent by a visitor, fetched from an address, or a finished job's own input once more."""

import hmac
import logging
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path, PurePath
from secrets import token_hex
from typing import Any
from urllib.parse import quote

import gradio as gr
from gradio.utils import get_upload_folder

from vimix.errors import Busy, NotFound, Refused, VimixError
from vimix.jobs.service import JobService
from vimix.jobs.submission import token_hash
from vimix.settings import Settings
from vimix.web.middleware.rate_limit import limiter, visitor_of
from vimix.web.middleware.url_fetch import fetches
from vimix.web.ui.thumbnails import kept_file

logger = logging.getLogger(__name__)


def uploaded(path: str | Path | None, examples: Path | None = None) -> Path:
    """The file a visitor sent us, or one of our examples; whatever else a path may name is refused."""
    if path and not str(path).startswith(("http://", "https://")):
        found = Path(path).resolve()
        homes = [Path(get_upload_folder()).resolve(), *([examples.resolve()] if examples else [])]
        if any(found.is_relative_to(home) for home in homes) and found.is_file():
            return found
    raise Refused("That file did not arrive. Please choose it again.")


def explained(error: BaseException) -> gr.Error:
    """The toast or client error for a failure: our own sentence, or a plain one and the rest in the log."""
    if isinstance(error, VimixError):
        title = {429: "Busy", 404: "Not found", 410: "Gone"}.get(error.status, "Vimix")
        return gr.Error(error.public, title=title, duration=None, print_exception=False)
    logger.exception("A request failed", exc_info=error)
    return gr.Error("Something went wrong on our side. Please try again.", duration=None, print_exception=False)


def as_answer(error: BaseException) -> dict[str, Any]:
    """The same for the page's scripts, which show it where the eye is."""
    answer: dict[str, Any] = {"kind": "error", "error": explained(error).message}
    if isinstance(error, Busy):
        answer["retry_after"] = error.retry_after
    if isinstance(error, NotFound):
        answer["gone"] = True
    return answer


def fetching(settings: Settings) -> Callable[..., Awaitable[dict[str, Any]]]:
    """The answer to `fetch_clip({url})`: the file at that address, as if it had been sent."""

    async def fetch_clip(asked: dict[str, Any], request: gr.Request) -> dict[str, Any]:
        try:
            visitor = visitor_of(request, settings)
            limiter(settings).upload(visitor)
            (path,) = await fetches(settings).all([str(asked["url"])], visitor)
            if isinstance(path, str):
                raise Refused(path)
            return {"kind": "clip", "path": str(path), "name": path.name, "url": f"gradio_api/file={quote(str(path))}"}
        except Exception as error:
            return as_answer(error)

    return fetch_clip


def reused(service: JobService, job: str, token: str) -> dict[str, Any]:
    """The input of a finished job as if it had been sent again, with the part and the clicks that the job had.

    Raises `NotFound` for a wrong token: who has seen a result may not have the clip that it was made of.
    """
    made = service.job(job)
    if not any(hmac.compare_digest(token_hash(token), known) for known in made.token_hash.split(",")):
        raise NotFound("There is no such job.", cause=f"wrong token for {job}")
    with kept_file(service, made.input_key) as kept:
        if kept is None:
            raise NotFound("This clip has been deleted. Please send it again.")
        suffix = "".join(letter for letter in PurePath(made.input_name).suffix if letter.isalnum() or letter == ".")
        path = Path(get_upload_folder()).resolve() / token_hex(20) / f"clip{suffix}"
        path.parent.mkdir(parents=True)
        shutil.copyfile(kept, path)
    options = made.options
    part = {"start": options.get("start") or 0, "end": options.get("end"), "point": options.get("point") or []}
    part["paint"] = options.get("paint") or []
    url = f"gradio_api/file={quote(str(path))}"
    return {"kind": "clip", "path": str(path), "name": made.input_name, "url": url} | part
