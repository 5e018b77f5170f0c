"""How we are: `/healthz` says that the process lives, `/readyz` that work sent here would be done, `/metrics` more."""

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from vimix import __version__
from vimix.errors import VimixError
from vimix.jobs.service import JobService
from vimix.matting import registry
from vimix.matting.networks.cpu import has_nvidia_driver
from vimix.matting.registry import DEFAULT
from vimix.settings import Settings
from vimix.stores.local import free_bytes
from vimix.web.middleware.request_body import SPARE_BYTES
from vimix.web.ops import metrics, prefetch

LATEST = 2.0
"""Seconds for which an answer holds: asking often must cost nothing."""
WITHIN = 5.0
"""Seconds a check may take."""


class NotReady(Exception):
    """With its reason."""


def routes(service: JobService, settings: Settings) -> list[BaseRoute]:
    """The three of them."""
    write = metrics.writer(service)
    checks = checks_of(service, settings)
    last: tuple[float, dict[str, str]] = (0.0, {})
    written: tuple[float, bytes] = (0.0, b"")
    turn = asyncio.Lock()

    async def healthz(request: Request) -> Response:
        return JSONResponse({"ok": True, "version": __version__}, headers={"cache-control": "no-store"})

    async def readyz(request: Request) -> Response:
        nonlocal last
        async with turn:
            if time.monotonic() - last[0] > LATEST:
                found = await asyncio.gather(*(_ask(check) for check in checks.values()))
                last = time.monotonic(), dict(zip(checks, found, strict=True))
        ready = all(outcome == "ok" for outcome in last[1].values())
        headers = {"cache-control": "no-store"}
        facts = {
            "ready": ready,
            "checks": last[1],
            "device": runs_on(settings, last[1]["device"], len(service.pool.slots)),
        }
        return JSONResponse(facts, 200 if ready else 503, headers=headers)

    async def figures(request: Request) -> Response:
        nonlocal written
        async with turn:
            if time.monotonic() - written[0] > LATEST:
                written = time.monotonic(), await asyncio.to_thread(write)
        return Response(written[1], media_type="text/plain; version=0.0.4", headers={"cache-control": "no-store"})

    return [Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", figures)]


def checks_of(service: JobService, settings: Settings) -> dict[str, Callable[[], None]]:
    """What must be so; each raises with the reason if it is not."""

    def store() -> None:
        service.files.head("lease/readyz")

    def queue() -> None:
        counts = service.counts()
        if counts.slots == 0 and not (settings.modal or settings.workers_on_demand):
            raise NotReady("nobody works on jobs: no worker has been seen within a minute")
        if counts.queued >= settings.queue_max:
            raise NotReady(f"{counts.queued} jobs wait, and no more are taken")

    def model() -> None:
        if service.pool.slots and not registry.find(DEFAULT).is_here(settings.model_dir):
            how = f"python -m vimix models --fetch {DEFAULT}"
            raise NotReady(prefetch.STATE.get(DEFAULT) or f"{DEFAULT} is not fetched yet: {how}")

    def device() -> None:
        if settings.device == "cuda" and service.pool.slots and not has_nvidia_driver():
            raise NotReady("VIMIX_DEVICE is cuda, and no NVIDIA driver is here")

    def disk() -> None:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        if not os.access(settings.data_dir, os.W_OK):
            raise NotReady("the data folder cannot be written")
        if (left := free_bytes(settings.data_dir)) < SPARE_BYTES + settings.max_upload_mb * (1 << 20):
            raise NotReady(f"{left >> 20} MB are left on the disk")

    return {"store": store, "queue": queue, "model": model, "device": device, "disk": disk}


def runs_on(settings: Settings, outcome: str, slots: int) -> dict[str, Any]:
    """What networks run on, and why; `said` is what came of the check. The children choose, and what they found out
    is read from where they noted it: no runtime is loaded for an answer."""
    facts: dict[str, Any] = {"ok": outcome == "ok"}
    if outcome != "ok":
        return facts | {"why": outcome}
    if not slots:
        return facts | {"why": "this process runs no networks: the workers do, and each card says on what"}
    if settings.device != "cpu" and (names := _nvidia()):
        why = "the GPU is tried first; each card says what was used"
        return facts | {"runtime": "onnxruntime", "device": names, "why": why}
    if (known := registry.remembered(settings.model_dir)) is None:
        return facts | {"why": "not chosen yet: the first job measures it"}
    return facts | known.as_dict()


def _nvidia() -> str:
    if not has_nvidia_driver():
        return ""
    facts = [file.read_text() for file in Path("/proc/driver/nvidia/gpus").glob("*/information")]
    names = [line.partition(":")[2].strip() for text in facts for line in text.splitlines() if line.startswith("Model")]
    return ", ".join(sorted(names)) or "an NVIDIA GPU"


async def _ask(check: Callable[[], None]) -> str:
    try:
        await asyncio.wait_for(asyncio.to_thread(check), WITHIN)
    except NotReady as reason:
        return str(reason)
    except TimeoutError:
        return f"no answer within {WITHIN:.0f} seconds"
    except VimixError as error:
        return error.public
    except Exception as error:
        return type(error).__name__
    return "ok"
