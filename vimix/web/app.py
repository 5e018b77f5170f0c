"""From settings to a served page: the service, the page, the routes, and how Gradio is to be launched."""

import hashlib
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import gradio as gr
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles

from vimix.jobs.backends import check_reachable
from vimix.jobs.service import JobService, open_service
from vimix.jobs.worker import zerogpu
from vimix.jobs.worker.child_process import hide_environment
from vimix.options import Options
from vimix.settings import Settings, misspelt
from vimix.web.api import gradio_api, http_api, zip_download
from vimix.web.listener import bound
from vimix.web.middleware import upload_limits, url_fetch
from vimix.web.middleware.access_log import AccessLog
from vimix.web.middleware.caching import Caching
from vimix.web.middleware.public_address import PublicAddress
from vimix.web.middleware.routes import AllowedRoutes
from vimix.web.ops import json_logging, prefetch
from vimix.web.ops.cleanup import sweeping, upload_folder
from vimix.web.server import serve
from vimix.web.ui import examples, sharing
from vimix.web.ui.embed import FirstPage, embed_route
from vimix.web.ui.handlers import Page
from vimix.web.ui.i18n import translations
from vimix.web.ui.page import STATIC, build

log = logging.getLogger(__name__)

SESSIONS = 256
"""Visitors whose form Gradio remembers, at 0.2 MB each; it would keep 10,000, and a call by a program counts as one."""


def launch(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT. Raises `UsageError`, `StoreError` where a setting cannot be used."""
    hide_environment()
    json_logging.configure(settings)
    for sentence in misspelt(os.environ):
        log.warning("%s", sentence)
    port = bound(settings.host, settings.port)
    prefetch.begin(settings, slots=0 if settings.redis_url.get_secret_value() else settings.workers)
    if zerogpu.wanted() and settings.workers:
        zerogpu.open_lender()
    service = open_service(settings)
    check_reachable(service.jobs, settings)
    json_logging.capture_output()  # from here on; a fault in the settings is a plain sentence for whoever starts us
    demo, how = prepare(settings, service)
    serve(demo, how, port, end=service.end_streams, proxies=settings.trusted_proxies > 0)


def prepare(settings: Settings, service: JobService) -> tuple[gr.Blocks, dict[str, Any]]:
    """The page on `service`, and the arguments its `launch` needs."""
    os.environ.setdefault("GRADIO_TEMP_DIR", str(upload_folder(settings).resolve()))
    folder = examples.home(settings.data_dir)
    url_fetch.close_gradios_fetch()
    page = Page(service, settings, folder)
    version = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(STATIC.iterdir()))).hexdigest()[:12]
    demo = build(page, _facts(settings, folder), version)
    with demo:
        gradio_api.offer(page, settings)
    demo.queue(max_size=256, default_concurrency_limit=8, api_open=False)
    return demo, _how(settings, service, page, version)


def _facts(settings: Settings, folder: Path) -> dict[str, Any]:
    """What the scripts must know from the start."""
    return {
        "hours": round(settings.result_ttl_hours),
        "max_mb": settings.max_upload_mb,
        "max_seconds": round(settings.max_seconds),
        "examples": examples.listed(folder),
        "hero": examples.hero(folder),
        "defaults": Options().model_dump(mode="json"),
    }


def _how(settings: Settings, service: JobService, page: Page, version: str) -> dict[str, Any]:
    @asynccontextmanager
    async def life(app: Starlette) -> AsyncIterator[None]:
        await service.start()
        try:
            async with sweeping(service):
                yield
        finally:
            page.previews.close()
            await service.stop()

    own: list[BaseRoute] = [Mount("/page", StaticFiles(directory=STATIC)), embed_route, zip_download.zip_route(service)]
    own += [*examples.routes(page.examples), *sharing.routes(service), *http_api.routes(service, settings)]
    return {
        "server_name": settings.host,
        "server_port": settings.port,
        "root_path": settings.public_url or None,
        "theme": theme(),
        "i18n": translations,
        "footer_links": [],
        "favicon_path": str(STATIC / "logo.svg"),
        "max_file_size": f"{settings.max_upload_mb}mb",
        "max_threads": 80,
        "state_session_capacity": SESSIONS,
        "mcp_server": True,
        "run_history": False,
        "enable_monitoring": False,
        "ssr_mode": False,
        "show_error": False,
        "pwa": False,
        "app_kwargs": {
            "routes": own,
            "middleware": [
                Middleware(PublicAddress, settings=settings),
                Middleware(AccessLog),
                *upload_limits.middleware(settings),
                Middleware(AllowedRoutes),
                Middleware(Caching, version=version),
                Middleware(FirstPage, version=version, service=service, settings=settings),
            ],
            "lifespan": life,
        },
    }


def theme() -> gr.Theme:
    """Gradio's own components in the page's colours; the variables are those of page.css."""
    both = {
        "body_background_fill": "var(--vx-bg)", "body_text_color": "var(--vx-ink)",
        "body_text_color_subdued": "var(--vx-mute)", "block_background_fill": "var(--vx-panel)",
        "block_border_color": "var(--vx-line)", "border_color_primary": "var(--vx-line)",
        "border_color_accent": "var(--vx-accent)", "color_accent_soft": "var(--vx-soft)",
        "input_background_fill": "var(--vx-panel)", "input_border_color": "var(--vx-line)",
        "input_border_color_focus": "var(--vx-accent)", "slider_color": "var(--vx-accent)",
        "checkbox_background_color_selected": "var(--vx-accent)", "checkbox_border_color_selected": "var(--vx-accent)",
        "button_primary_background_fill": "var(--vx-accent)", "button_primary_text_color": "var(--vx-on-accent)",
        "link_text_color": "var(--vx-accent)",
    }  # fmt: skip
    both |= {f"{name}_dark": value for name, value in both.items()}
    font = ["Inter", "system-ui", "sans-serif"]
    plain = gr.themes.Base(radius_size=gr.themes.sizes.radius_lg, font=font)
    return plain.set(color_accent="var(--vx-accent)", **both)
