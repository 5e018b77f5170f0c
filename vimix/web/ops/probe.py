"""The container's health check: asks what runs in it, page or worker, whether it answers. The exit code says so.

A file of its own without imports of ours, because it is run every half minute: `python vimix/web/ops/probe.py`.
"""

import os
import sys
import urllib.request
from collections.abc import Mapping
from pathlib import Path

WITHIN = 4.0
"""Seconds for an answer; the container engine gives the whole check five."""


def address(arguments: list[str], environment: Mapping[str, str]) -> str:
    """Where what was started with `arguments` says how it is: a worker on its health port, else the page's."""
    port = environment.get("PORT", "7860")
    if "worker" in arguments:
        port = environment.get("VIMIX_HEALTH_PORT", "7861")
        for flag, value in zip(arguments, [*arguments[1:], ""], strict=True):
            if flag.startswith("--health"):
                port = flag.partition("=")[2] or value
    return f"http://127.0.0.1:{port}/healthz"


def main() -> int:
    """0 if it answers."""
    arguments = Path("/proc/1/cmdline").read_text().split("\0")
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy does not reach our loopback
    try:
        with direct.open(address(arguments, os.environ), timeout=WITHIN):
            return 0
    except OSError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
