"""Serve the page for tests, in a process of its own: `python -m tests.web.serve PORT FOLDER [light | real]`.

Both have the real service with its children; `light` has `light_work` in place of the pipeline, and keeps its jobs
and files in FOLDER whatever the settings say.
"""

import os
import sys
import threading
import time
from pathlib import Path

from pydantic import SecretStr

from vimix import public_network
from vimix.jobs.service import open_service
from vimix.settings import Settings

SLOTS = 3
"""Light jobs at once: one that a test left running keeps no other waiting."""


def end_with_parent() -> None:
    """A test run that is killed leaves no server behind."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def main(port: str, folder: str, kind: str = "light") -> None:
    os.environ |= {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_OFFLINE": "1", "GRADIO_TEMP_DIR": f"{folder}/uploads"}
    from vimix.web.app import prepare

    settings = Settings(port=int(port), data_dir=Path(folder))
    own = settings.model_copy(
        update={"redis_url": SecretStr(""), "s3_secret_key": SecretStr(""), "running_per_visitor": SLOTS}
    )
    service = (
        open_service(settings) if kind == "real" else open_service(own, workers=SLOTS, work="tests.web.light_work:run")
    )
    if public := os.environ.get("TEST_PUBLIC"):  # an address of this machine that stands for one on the internet
        public_network.is_public = lambda address: address == public
    demo, how = prepare(settings, service)
    demo.launch(quiet=True, **how)


if __name__ == "__main__":
    end_with_parent()
    main(*sys.argv[1:])
