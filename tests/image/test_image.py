"""The image that IMAGE names, run as a careful operator runs it: any user, a read-only root, no capabilities."""

import json
import os
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.jobs.deployment import RedisServer
from tests.web.drawn import draw
from tests.web.served import free_port

IMAGE = os.environ.get("IMAGE", "")
ENGINE = os.environ.get("ENGINE", "docker")
MOST_BYTES = 1_500_000_000
"""Of the image for the CPU."""
CAREFUL = (
    "--network", "host", "--user", "12345:54321", "--read-only", "--tmpfs", "/tmp", "--tmpfs",
    "/home/vimix/data:mode=777", "--cap-drop", "ALL", "--security-opt", "no-new-privileges",
)  # fmt: skip
GRACE = 10
"""Seconds after which engines kill."""

pytestmark = pytest.mark.skipif(not IMAGE, reason="no image is named: make image-test builds one")


def engine(*arguments: str) -> str:
    done = subprocess.run([ENGINE, *arguments], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@contextmanager
def container(*command: str, **variables: str) -> Iterator[str]:
    flags = [part for name, value in variables.items() for part in ("--env", f"{name}={value}")]
    name = engine("run", "--detach", *CAREFUL, *flags, IMAGE, *command)
    try:
        yield name
    finally:
        subprocess.run([ENGINE, "rm", "--force", "--volumes", name], capture_output=True, check=False)


def wait_for(address: str, name: str) -> None:
    until = time.monotonic() + 120
    while True:
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except OSError:
            assert time.monotonic() < until, engine("logs", name)
            time.sleep(0.3)


def healthy(name: str) -> bool:
    check = json.loads(engine("inspect", "--format", "{{json .Config.Healthcheck.Test}}", name))
    return subprocess.run([ENGINE, "exec", name, *check[1:]], capture_output=True).returncode == 0


def stopped_in_good_order(name: str) -> None:
    began = time.monotonic()
    engine("stop", "--time", str(GRACE), name)
    assert time.monotonic() - began < GRACE
    assert engine("inspect", "--format", "{{.State.ExitCode}}", name) == "0"


def test_it_is_small_and_holds_what_it_runs() -> None:
    assert int(engine("image", "inspect", "--format", "{{.Size}}", IMAGE)) <= MOST_BYTES
    missing = "import shutil; assert not shutil.which('npm') and shutil.which('tini')"
    engine("run", "--rm", "--network", "none", IMAGE, "python", "-c", missing)


def test_a_clip_is_cut_out_in_it(tmp_path: Path) -> None:
    clip = draw(tmp_path / "clip.mp4")
    tmp_path.chmod(0o777)
    clip.chmod(0o644)
    mount = ("--volume", f"{tmp_path}:/clips")
    engine("run", "--rm", *CAREFUL, *mount, IMAGE, "python", "-m", "vimix", "/clips/clip.mp4", "/clips/out.webp",
           "--model", "portrait", "--width", "64")  # fmt: skip
    with Image.open(tmp_path / "out.webp") as made:
        assert getattr(made, "n_frames", 1) > 1
        assert np.asarray(made.convert("RGBA"))[..., 3].min() < 255


def test_the_page_cuts_a_clip_and_ends_in_good_order(tmp_path: Path) -> None:
    from gradio_client import Client, handle_file

    clip, port = draw(tmp_path / "clip.mp4"), free_port()
    with container(PORT=str(port), VIMIX_HOST="127.0.0.1") as name:
        wait_for(f"http://127.0.0.1:{port}/healthz", name)
        assert healthy(name)
        client = Client(f"http://127.0.0.1:{port}", verbose=False, download_files=str(tmp_path))
        file, card = client.predict(handle_file(clip), model="portrait", width="64", api_name="/remove_background")
        client.close()
        assert card["output"]["alpha"]
        assert Path(file).stat().st_size
        states = "import glob; print([s for f in glob.glob('/proc/[0-9]*/stat') for s in [open(f).read().split()[2]]])"
        assert "Z" not in engine("exec", name, "python", "-c", states)
        stopped_in_good_order(name)


@pytest.mark.redis
def test_a_worker_is_healthy_and_ends_in_good_order(tmp_path: Path) -> None:
    redis, port = RedisServer(tmp_path), free_port()
    try:
        with container(
            "python", "-m", "vimix", "worker", REDIS_URL=redis.url, VIMIX_HEALTH_PORT=str(port), VIMIX_HOST="127.0.0.1"
        ) as name:
            wait_for(f"http://127.0.0.1:{port}/healthz", name)
            assert healthy(name)
            stopped_in_good_order(name)
    finally:
        redis.kill()
