"""What the page asks of us, apart from layout: taking clips in, watching, and small questions answered at once.

The job is never a Gradio event: an event hands it to the service, and another one only follows it, so that closing the
tab ends the following and not the work. `answers` are called by the page's scripts as `server.name({...})`.
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from vimix.background import WHITE
from vimix.errors import NotFound, UsageError
from vimix.jobs.model import Ticket
from vimix.jobs.previews import Previews
from vimix.jobs.service import JobService
from vimix.options import Options, to_options
from vimix.settings import Settings
from vimix.web.middleware.rate_limit import limiter, streams, visitor_of
from vimix.web.ops.cleanup import delete_everywhere
from vimix.web.ui import presenter
from vimix.web.ui.clips import as_answer, fetching, reused, uploaded
from vimix.web.ui.thumbnails import compare, corrected

FIELDS = (
    "quality", "format", "size", "background", "colour", "picture", "fps", "model", "refine", "steady", "fit", "crop",
    "stroke", "shadow", "encode_quality", "lossless", "invert",
)  # fmt: skip
"""The page's option fields, in their order."""
logger = logging.getLogger(__name__)
MAX_BATCH = 20
"""Clips taken at once."""


class Page:
    """The page's side of one service."""

    def __init__(self, service: JobService, settings: Settings, examples: Path) -> None:
        self.service = service
        self.settings = settings
        self.examples = examples
        self.previews = Previews(settings)

    def take_in(self, request: gr.Request, asked: str, *values: Any) -> dict[str, Any]:
        """Hand the chosen clips to the service: `asked` is what the page's scripts know, `values` the option fields."""
        try:
            extra = json.loads(asked)
            fields = dict(zip(FIELDS, values, strict=True))
            chosen = fields.pop("picture") if fields["background"] == "picture" else fields.pop("picture") and None
            if fields["background"] == "picture" and not chosen:
                raise UsageError("Choose a background picture or video first.")
            behind = uploaded(chosen) if chosen else None
            tickets = [self._submit(clip, fields, behind, request) for clip in extra["clips"][:MAX_BATCH]]
            return {"kind": "tickets", "tickets": tickets, "nonce": extra.get("nonce")}
        except Exception as error:
            return as_answer(error) | {"nonce": json.loads(asked).get("nonce")}

    def _submit(
        self, clip: Mapping[str, Any], fields: Mapping[str, Any], background: Path | None, request: gr.Request
    ) -> dict[str, Any]:
        """A ticket, or why there is none: of several clips the others go on."""
        name = str(clip.get("name") or "clip")[:200]
        try:
            options = to_options(self.merge(fields, clip), background_file=background.name if background else None)
            return self.enter(uploaded(clip.get("path"), self.examples), name, options, background, request) | {
                "name": name
            }
        except Exception as error:
            return {"name": name, "error": as_answer(error)["error"]}

    def enter(
        self, path: Path, name: str, options: Options, background: Path | None, request: gr.Request, notify: str = ""
    ) -> dict[str, Any]:
        """Hand one clip to the service."""
        visitor = visitor_of(request, self.settings)
        ticket = self.service.submit(path, name, options, visitor=visitor, background=background, notify=notify)
        return as_ticket(ticket)

    @staticmethod
    def merge(fields: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
        """The option fields of the page as `Options` takes them."""
        given = dict(fields)
        kind, colour = given.pop("background"), given.pop("colour")
        given["background"] = {"colour": colour, "blur": "blur"}.get(kind)
        if given["format"] == "mp4" and kind == "transparent":
            given["background"] = str(WHITE)
        size = str(given.pop("size"))
        given["width"] = size if size.isdigit() else None
        given["crop"] = "subject" if given["crop"] else "auto"
        return given | {key: extra[key] for key in ("start", "end", "point", "paint") if key in extra}

    async def look_on(self, event: gr.EventData, request: gr.Request) -> AsyncIterator[dict[str, Any]]:
        """Look on at a job until it ends; the page shows each view."""
        job, turn = str(event._data.get("job", "")), event._data.get("turn")
        try:
            with streams().one(visitor_of(request, self.settings)):
                seen = -1
                async for snapshot in self.service.watch(job):
                    if snapshot.state in ("queued", "running"):
                        now = presenter.progress(snapshot)
                        if snapshot.preview_version != seen:
                            seen = snapshot.preview_version
                            now["preview"] = presenter.data_uri(await asyncio.to_thread(self.service.preview, job))
                        yield now | {"turn": turn}
                    else:
                        yield (await asyncio.to_thread(self.show, job)) | {"turn": turn}
        except Exception as error:
            yield as_answer(error) | {"job": job, "turn": turn}

    def preset(self, request: gr.Request) -> list[Any]:
        """The option fields as the address asks for them (`?format=webm&quality=best`); locked in an iframe."""
        query = request.query_params
        locked = query.get("view") == "embed"
        asked = {name: query[name] for name in FIELDS if name in query}
        if query.get("width"):
            asked["size"] = query["width"]
        if query.get("background", "").startswith("#"):
            asked |= {"background": "colour", "colour": query["background"]}
        return [self._preset(asked.get(name), locked) for name in FIELDS]

    @staticmethod
    def _preset(value: str | None, locked: bool) -> Any:
        if value is None:
            return gr.skip()
        plain = {"true": True, "on": True, "1": True, "false": False, "off": False, "0": False}
        return gr.update(value=plain.get(value.lower(), value), interactive=not locked)

    def again(self, event: gr.EventData) -> list[Any]:
        """The option fields as a job had them; they stay where there is no such job any more."""
        try:
            options = self.service.job(str(event._data.get("job", ""))).options
        except NotFound:
            return [gr.skip() for _ in FIELDS]
        return [gr.skip() if value is None else gr.update(value=value) for value in presenter.fields(options, FIELDS)]

    def show(self, job: str) -> dict[str, Any]:
        """All that is known of a job."""
        snapshot = self.service.snapshot(job)
        return presenter.whole(self.service.job(job), snapshot, self.service.preview(job))

    def answers(self) -> list[Callable[..., Any]]:
        """The questions the page's scripts may ask."""

        def clip_film(asked: dict[str, Any], request: gr.Request) -> dict[str, Any]:
            clip = uploaded(asked.get("path"), self.examples)
            return self.previews.ask("filmstrip", visitor_of(request, self.settings), clip=str(clip))

        def moment(asked: dict[str, Any], request: gr.Request) -> dict[str, Any]:
            visitor, time = visitor_of(request, self.settings), float(asked.get("time", 0))
            return compare(self.service, self.previews, str(asked["job"]), time, visitor)

        def mend(asked: dict[str, Any], request: gr.Request) -> dict[str, Any]:
            visitor, time = visitor_of(request, self.settings), float(asked.get("time", 0))
            marks = {"points": asked.get("point") or (), "paints": asked.get("paint") or ()}
            return corrected(self.service, self.previews, str(asked["job"]), time, visitor, **marks)

        def trial(asked: dict[str, Any], request: gr.Request) -> dict[str, Any]:
            path = uploaded(asked.get("path"), self.examples)
            marks = asked.get("point") or (), asked.get("paint") or ()
            return self.preview(path, float(asked.get("time", 0)), (), *marks, request)

        def stop(asked: dict[str, Any], _: gr.Request) -> dict[str, Any]:
            self.service.cancel(str(asked["job"]), str(asked["token"]))
            return self.show(str(asked["job"]))

        def delete(asked: dict[str, Any], _: gr.Request) -> dict[str, Any]:
            delete_everywhere(self.service, str(asked["job"]), str(asked["token"]))
            return {"kind": "deleted"}

        def also(asked: dict[str, Any], request: gr.Request) -> dict[str, Any]:
            changes = {name: value for name, value in asked.items() if name not in ("job", "background_path")}
            behind = uploaded(path) if (path := asked.get("background_path")) else None
            return {"kind": "tickets", "tickets": [self.also(str(asked["job"]), changes, request, behind)]}

        def jobs(asked: dict[str, Any], _: gr.Request) -> dict[str, Any]:
            return {"kind": "jobs", "jobs": [self._line(str(job)) for job in asked.get("jobs", ())[:50]]}

        def reuse(asked: dict[str, Any], _: gr.Request) -> dict[str, Any]:
            return reused(self.service, str(asked["job"]), str(asked["token"]))

        fetch_clip = fetching(self.settings)
        return [
            fetch_clip,
            *(_safe(answer) for answer in (clip_film, moment, stop, delete, jobs, trial, mend, also, reuse)),
        ]

    def preview(
        self,
        clip: Path,
        time: float,
        looks: Sequence[str],
        point: Sequence[str],
        paint: Sequence[str],
        request: gr.Request,
    ) -> dict[str, Any]:
        """One frame cut out, what the whole clip would take, and how many jobs this visitor may still begin."""
        Options.parse({"point": list(point), "paint": list(paint)})
        visitor = visitor_of(request, self.settings)
        left = limiter(self.settings).left(visitor)
        limit = self.settings.jobs_per_hour or None
        quota = {"jobs_left": left, "jobs_per_hour": limit}
        asked = {"clip": str(clip), "time": time, "looks": list(looks), "points": list(point)}
        asked |= {"paints": list(paint)}
        return self.previews.ask("preview", visitor, **asked) | {"quota": quota}

    def also(
        self, job: str, asked: Mapping[str, Any], request: gr.Request, background: Path | None = None
    ) -> dict[str, Any]:
        """A finished job's clip as another file, over `background` if one was sent; what `asked` leaves empty stays as
        it was."""
        visitor = visitor_of(request, self.settings)
        ticket = self.service.convert(job, asked, visitor=visitor, background=background)
        return as_ticket(ticket) | {"name": self.service.job(job).input_name}

    def _line(self, job: str) -> dict[str, Any]:
        """A job as a line of a list; one that is gone is said to be expired."""
        try:
            return presenter.line(self.service.job(job), self.service.snapshot(job))
        except NotFound:
            return {"job": job, "state": "expired"}


def as_ticket(ticket: Ticket) -> dict[str, Any]:
    """A ticket as JSON."""
    return {"job": ticket.job, "token": ticket.token, "cached": ticket.cached}


def _safe(answer: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    def call(asked: dict[str, Any], request: gr.Request) -> dict[str, Any]:
        try:
            return answer(asked, request)
        except Exception as error:
            return as_answer(error)

    call.__name__ = answer.__name__
    return call
