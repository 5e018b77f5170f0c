"""The public endpoints: what the Python client, JavaScript, curl and MCP call. The page uses none of them."""

from typing import Any

from vimix.settings import Settings
from vimix.web.handlers import Page


def offer(page: Page, settings: Settings) -> None:
    """Add the endpoints to the page being built."""
