"""Serve the page for tests, in a process of its own: `python -m tests.web.serve PORT FOLDER [real]`."""

import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

from tests.web.fake_service import FakeService
from vimix.jobs.service import open_service
from vimix.settings import Settings


def end_with_parent() -> None:
    """A test run that is killed leaves no server behind."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def main(port: str, folder: str, kind: str = "fake") -> None:
    os.environ |= {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_OFFLINE": "1", "GRADIO_TEMP_DIR": f"{folder}/uploads"}
    from vimix.web.app import prepare

    settings = Settings(port=int(port), data_dir=Path(folder))
    service: Any = open_service(settings) if kind == "real" else FakeService(settings)
    demo, how = prepare(settings, service)
    demo.launch(quiet=True, **how)


if __name__ == "__main__":
    end_with_parent()
    main(*sys.argv[1:])
