"""A real S3 server for tests: it checks signatures, expiry, length and type. See swift-requirements.txt."""

import functools
import json
import os
import secrets
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from vimix.stores.s3 import S3Store

PYTHON = Path(os.environ.get("VIMIX_SWIFT_PYTHON", Path(__file__).parents[2] / ".venv/swift/bin/python"))
KEY, SECRET = "test:tester", "SKtest12345678"


@functools.cache
def endpoint() -> str:
    """Start the server once; it ends when this process does, as its input is then closed."""
    if not PYTHON.exists():
        pytest.skip(f"no S3 server: pip install -r tests/stores/swift-requirements.txt into {PYTHON.parent.parent}")
    folder = Path(tempfile.mkdtemp(prefix="vimix-swift-"))
    command = [str(PYTHON), "-P", "-W", "ignore", str(Path(__file__).with_name("swift_server.py")), str(folder)]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
    _servers[server] = folder
    assert server.stdout
    line = server.stdout.readline()
    assert line, (folder / "log").read_text()
    return f"http://127.0.0.1:{json.loads(line)['port']}"


_servers: dict[subprocess.Popen[bytes], Path] = {}


def stop() -> None:
    for server, folder in _servers.items():
        server.communicate(timeout=20)
        shutil.rmtree(folder, ignore_errors=True)
    _servers.clear()
    endpoint.cache_clear()


def raw(where: str = "") -> Any:
    """The plain client: what a test does behind the store's back."""
    config = Config(
        s3={"addressing_style": "path"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    return boto3.session.Session().client(
        "s3",
        endpoint_url=where or endpoint(),
        region_name="auto",
        aws_access_key_id=KEY,
        aws_secret_access_key=SECRET,
        config=config,
    )


def bucket() -> str:
    name = f"b{secrets.token_hex(6)}"
    raw().create_bucket(Bucket=name)
    return name


def store(name: str, where: str = "", *, secret: str = SECRET, timeout: float = 10, tries: int = 3) -> S3Store:
    return S3Store(name, endpoint=where or endpoint(), access_key=KEY, secret_key=secret, timeout=timeout, tries=tries)
