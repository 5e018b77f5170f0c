"""The public endpoints: what the Python client, JavaScript, curl and MCP call. Their docstrings are what people read.

Those that take a file have real components behind them, never shown, because Gradio then checks where the file comes
from; the option parameters are made from `Options`, so that they are the same everywhere.
"""

import asyncio
import json
import re
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.events import api
from gradio.mcp import GradioMCPServer
from gradio.processing_utils import add_root_url
from gradio.utils import get_upload_folder

from vimix.errors import Failed
from vimix.matting import registry
from vimix.options import Affects, Options, affecting, to_options
from vimix.settings import Settings
from vimix.web.api.signatures import component_of, with_changes, with_options
from vimix.web.middleware.public_address import root_of
from vimix.web.middleware.rate_limit import streams, visitor_of
from vimix.web.ui import presenter
from vimix.web.ui.clips import explained, uploaded
from vimix.web.ui.handlers import Page


def _options(values: tuple[Any, ...], behind: Path | None) -> Options:
    given = dict(zip(Options.model_fields, values, strict=True))
    return to_options(given, background_file=behind.name if behind else None)


def _clicks(point: Any) -> list[str]:
    return [text for text in str(point or "").split(";") if text.strip()]


class Tools:
    """The endpoints of one service."""

    def __init__(self, page: Page, settings: Settings) -> None:
        self.page, self.service, self.settings = page, page.service, settings

    def enter(
        self, request: gr.Request, clip: str, background: str | None, values: tuple[Any, ...], notify: str = ""
    ) -> dict[str, Any]:
        """Take a clip in."""
        path = uploaded(clip, self.page.examples)
        behind = uploaded(background) if background else None
        options = _options(values, behind)
        return self.page.enter(path, path.name, options, behind, request, notify)

    def file_of(self, job: str) -> str:
        """The result under a name that people can use, where Gradio may serve it."""
        made, local, _ = self.service.result(job)
        place = Path(get_upload_folder()).resolve() / "results" / job / presenter.download_name(made)
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.exists():
            if local is not None:
                shutil.copyfile(local, place)
            else:
                self.service.files.fetch(made.result_key or "", place)
        return str(place)

    def result(self, job: str, root: str) -> dict[str, Any]:
        """Where the finished file is."""
        made, _, _ = self.service.result(job)
        return {
            "url": f"{root}/r/{job}",
            "bytes": ((made.card or {}).get("output") or {}).get("bytes"),
            "mime": presenter.format_of(made).mime_of((made.card or {}).get("output") or {}),
            "expires": made.expires,
            "name": presenter.download_name(made),
        }


def _in_json(server: GradioMCPServer, data: Any, root_url: str) -> list[Any]:
    """What a tool answers over MCP: each output as JSON text, where Gradio's own method gives Python's repr of it."""
    outputs = data[0] if isinstance(data[0], tuple) else data  # two outputs come as one where progress is not asked for
    said = (json.dumps(each, ensure_ascii=False) for each in add_root_url(list(outputs), root_url, None))
    return [server.types.TextContent(type="text", text=text) for text in said]


def offer(page: Page, settings: Settings) -> None:
    """Add the endpoints to the page being built."""
    GradioMCPServer.postprocess_output_data = _in_json  # type: ignore[assignment, method-assign]
    tools = Tools(page, settings)
    with gr.Column(visible=False):
        clip = gr.File(label="clip: the video or picture", type="filepath")
        behind = gr.File(label="background_file: a picture or video to put behind the subject", type="filepath")
        options = [component_of(name) for name in Options.model_fields]
        moment = gr.Number(0, label="time: seconds into the clip")
        point = gr.Textbox("", label="point: " + str(Options.model_fields["point"].description))
        notify = gr.Textbox("", label="notify: an address that is told, signed, when the job ends")
        looks = gr.Textbox("", label="looks: up to three of fast, balanced, best, or model names: a,b or a list")
        file, card, answer = gr.File(label="result"), gr.JSON(label="card"), gr.JSON(label="answer")
    public: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "public"}
    inputs = [clip, behind, *options]
    never = gr.Button(visible=False)
    never.click(
        _remove_background(tools), inputs, [file, card], api_name="remove_background", concurrency_limit=None,
        **public,
    )  # fmt: skip
    never.click(_submit(tools), [*inputs, notify], [answer], api_name="submit", concurrency_limit=None, **public)
    asked = [clip, moment, looks, point]
    never.click(_preview(tools), asked, [answer], api_name="preview", concurrency_limit=None, **public)
    _small(tools)


def _remove_background(tools: Tools) -> Callable[..., Any]:
    @with_options()
    async def remove_background(
        request: gr.Request, clip: str, background_file: str | None = None, *values: Any
    ) -> AsyncIterator[tuple[str | None, dict[str, Any]]]:
        """Remove the background of a video or picture and return a file with real transparency, and its card.

        The card tells size, length, where the file plays, which platforms take it, and which frames are doubtful.
        Cancelling the call ends the waiting, not the work; use submit, watch and cancel for that.
        """
        try:
            with streams().one(visitor_of(request, tools.settings)):
                ticket = await asyncio.to_thread(tools.enter, request, clip, background_file, values)
                report = gr.Progress()
                snapshot = None
                async for snapshot in tools.service.watch(ticket["job"]):
                    if snapshot.state == "running":
                        report(
                            (snapshot.done, snapshot.total), desc=snapshot.note or "Removing background", unit="frames"
                        )
                    if snapshot.state in ("queued", "running"):
                        yield None, _plain(presenter.progress(snapshot)) | {"token": ticket["token"]}
            if snapshot is None or snapshot.state != "done":
                raise Failed(snapshot.error if snapshot and snapshot.error else "The clip was cancelled.")
            yield await asyncio.to_thread(tools.file_of, ticket["job"]), snapshot.card or {}
        except Exception as error:
            raise explained(error) from None

    return remove_background


def _submit(tools: Tools) -> Callable[..., Any]:
    @with_options(notify="")
    def submit(request: gr.Request, clip: str, background_file: str | None = None, *values: Any) -> dict[str, Any]:
        """Hand a clip over and return at once with {job, token, cached}. The token lets you cancel and delete; an
        address in `notify` is told when the job ends."""
        *options, notify = values
        return _or_say(lambda: tools.enter(request, clip, background_file, tuple(options), str(notify or "")))

    return submit


def _preview(tools: Tools) -> Callable[..., Any]:
    def preview(request: gr.Request, clip: str, time: float = 0, looks: str = "", point: str = "") -> dict[str, Any]:
        """Cut out one frame with up to three looks or models side by side, and tell what the whole clip would take.

        That is `seconds` and `bytes` for each look, and in `quota` how many jobs you may still begin within the hour
        (`jobs_left`; null: as many as you like). Clicks or boxes in `point` choose the subject, as in the run.
        """
        names = re.findall(r"[\w.:-]+", looks)  # a list comes as its repr
        page = tools.page
        return _or_say(
            lambda: _plain(page.preview(uploaded(clip, page.examples), time, names, _clicks(point), (), request))
        )

    return preview


def _small(tools: Tools) -> None:
    """The endpoints that take no file."""
    service = tools.service

    async def watch(job: str, request: gr.Request) -> AsyncIterator[dict[str, Any]]:
        """Stream how a job stands, at most five times a second, until it ends; the last message holds the card."""
        try:
            with streams().one(visitor_of(request, tools.settings)):
                async for snapshot in service.watch(job):
                    yield _plain(presenter.progress(snapshot)) | {"card": snapshot.card}
        except Exception as error:
            raise explained(error) from None

    def status(job: str) -> dict[str, Any]:
        """How a job stands now: state, frames done, frames a second, seconds left, place in the line, error, card."""
        return _or_say(lambda: _plain(presenter.progress(service.snapshot(job))) | {"card": service.job(job).card})

    def result(job: str, request: gr.Request) -> dict[str, Any]:
        """Where the finished file is: {url, bytes, mime, expires, name}."""
        return _or_say(lambda: tools.result(job, root_of(request, tools.settings)))

    def cancel(job: str, token: str) -> dict[str, Any]:
        """End a job. What is done so far becomes a file where that is possible."""
        return _or_say(lambda: _plain(presenter.progress(service.cancel(job, token))))

    @with_changes
    def convert(request: gr.Request, job: str, *changes: Any) -> dict[str, Any]:
        """Make another format, size or platform's file of a finished job, without running the network again.

        Returns {job, token, cached} of the new job; what is left out stays as it was, and `none` unsets a value.
        """
        asked = dict(zip(affecting(Affects.FINISH), changes, strict=True))
        return _or_say(lambda: tools.page.also(job, asked, request))

    def models() -> list[dict[str, Any]]:
        """The models there are: name, what it is for, licence."""
        folder = service.settings.model_dir
        return [{key: row[key] for key in ("name", "about", "licence")} for row in registry.table(folder)]

    for call in (status, result, cancel, convert, models):
        api(call, api_name=call.__name__, queue=False)
    api(watch, api_name="watch", concurrency_limit=None)


def _plain(shown: dict[str, Any]) -> dict[str, Any]:
    """Without what only the page's scripts read."""
    return {name: value for name, value in shown.items() if name != "kind"}


def _or_say(answer: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return answer()
    except Exception as error:
        raise explained(error) from None
