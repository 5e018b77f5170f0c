"""The files that a job fetches from the store before its child begins, and those it stores when it has ended.

The worker does this, because it holds the store's keys; the child knows a folder only.
"""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from vimix.background import BackgroundFile
from vimix.errors import Failed, NotFound, Refused, StoreError
from vimix.events import Card
from vimix.jobs import keys
from vimix.jobs.model import LIVE, Job, JobStore, State
from vimix.jobs.worker.child_process import Event
from vimix.options import Options
from vimix.sinks import FORMATS
from vimix.stores import Store


def fetch_inputs(files: Store, job: Job, folder: Path) -> Card | None:
    """Fetch clip, background and matte into `folder`; or, where equal work is done by now, return its card. Raises
    `Refused` where the clip was deleted, `StoreError`."""
    (folder / "tmp").mkdir(parents=True)
    if (card := stored_card(files, job.work_key, folder)) is not None:
        return card
    try:
        files.fetch(job.input_key, folder / "input")
        if keys.is_input(background := job.options["background"]):
            files.fetch(background, folder / "background")
    except NotFound as error:
        raise Refused("The clip was deleted before its turn came. Please send it again.") from error
    if files.head(job.matte_key) is not None:
        with suppress(NotFound):
            files.fetch(job.matte_key, folder / "matte")
            files.touch(job.matte_key)
    return None


def spec_of(job: Job, folder: Path) -> dict[str, Any]:
    """The request to the child for a job whose files are in that folder. Raises `UsageError` for unknown options."""
    options = Options.parse(job.options)
    if isinstance(options.background, BackgroundFile):
        options = options.model_copy(update={"background": BackgroundFile(str(folder / "background"))})
    known = FORMATS.get(options.format)
    return {
        "job": job.id,
        "folder": str(folder),
        "clip": str(folder / "input"),
        "out": str(folder / f"result{known.suffix if known else ''}"),
        "matte": str(folder / "matte"),
        "options": options.model_dump(mode="json"),
    }


def store_outputs(files: Store, job: Job, folder: Path, last: Event, *, matte: bool) -> Card:
    """Store matte, result and card; returns the card. Of two results for equal work the first stays. Raises
    `StoreError`, `Failed`."""
    if (stored := stored_card(files, job.work_key, folder)) is not None:
        return stored
    card: Card = last["card"]
    if matte and (folder / "matte").is_file():
        files.put(job.matte_key, folder / "matte", mime="application/octet-stream")
    store_result(files, keys.result_key(job.work_key), job, folder, last)
    store_preview(files, job, folder)
    file = folder / "card.json"
    file.write_text(json.dumps(card))
    files.put(keys.card_key(job.work_key), file, mime="application/json")  # last: a card says that its result is whole
    return card


def store_result(files: Store, key: str, job: Job, folder: Path, last: Event) -> None:
    """Store the file that a `done` event names under `key`. Raises `Failed` unless it is a plain file of the job's
    folder."""
    result = Path(last["path"])
    if result.parent != folder or result.is_symlink() or not result.is_file():
        raise Failed("Something went wrong while this clip was being processed.", cause=f"the result is {result}")
    output = last["card"].get("output", {})
    made = FORMATS.get(output.get("format", job.options["format"]))
    files.put(key, result, mime=made.mime_of(output) if made else "application/octet-stream")


def store_preview(files: Store, job: Job, folder: Path) -> None:
    """Store the newest preview picture, if there is one: pages of other processes show it, and all do after the end."""
    with suppress(StoreError, OSError):
        if (picture := folder / "preview.webp").is_file():
            files.put(keys.preview_key(job.id), picture, mime="image/webp")


def stored_card(files: Store, work_key: str, folder: Path) -> Card | None:
    """The card of a result that the store has, and whose time to live begins anew; None unless both are there."""
    if files.head(keys.result_key(work_key)) is None:
        return None
    file = folder / f"{work_key}.card"
    try:
        files.fetch(keys.card_key(work_key), file)
    except NotFound:
        return None
    card: Card = json.loads(file.read_text())
    file.unlink()
    there = files.touch(keys.result_key(work_key)) and files.touch(keys.card_key(work_key))
    return {**card, "cached": "result"} if there else None


def needed(job: Job) -> set[str]:
    """The keys of all files that belong to a job."""
    files = {job.input_key, job.matte_key, keys.result_key(job.work_key), keys.card_key(job.work_key)}
    background = str(job.options.get("background", ""))
    return (
        files
        | {keys.partial_key(job.id), keys.preview_key(job.id)}
        | ({background} if keys.is_input(background) else set())
    )


def delete_files(jobs: JobStore, files: Store, job: Job) -> None:
    """Delete the job's files, but for those that another job needs: one on the same clip, or one not yet done."""
    others = [*jobs.by_input(job.input_key), *(other for state in LIVE for other in jobs.listed(state))]
    theirs = {
        key for other in others if other.id != job.id and other.state in (*LIVE, State.DONE) for key in needed(other)
    }
    for key in sorted(needed(job) - theirs):
        files.delete(key)
