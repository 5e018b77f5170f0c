"""A worker or a web process that a test may kill: `python -m tests.jobs.process worker|web SECONDS [MAX_AGE CLOCKS]`.

In a worker with a MAX_AGE time jumps at SIGUSR1, so that no test waits for it: by the worker's clock, and with CLOCKS
`all` by that of its jobs too.
"""

import asyncio
import logging
import signal
import sys
import time
from typing import Any

from tests.jobs.deployment import STALE, WORK
from vimix.jobs.service import open_service
from vimix.jobs.worker import recovery, runner
from vimix.jobs.worker import serve as worker
from vimix.settings import Settings


async def web(settings: Settings, within: float) -> None:
    service = open_service(settings, workers=settings.workers, work=WORK, stale=STALE)
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    await service.start()
    print("ready", flush=True)
    await told.wait()
    await service.stop(within=within)


class Clock:
    """`time`, whose monotonic clock is a day ahead after SIGUSR1."""

    def __init__(self) -> None:
        self.ahead = 0.0
        signal.signal(signal.SIGUSR1, lambda *_: setattr(self, "ahead", 86_400.0))

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, format="%(process)d %(message)s")
    within = float(sys.argv[2])
    recovery.BACK_OFF = 0.1
    if sys.argv[1] == "web":
        asyncio.run(web(Settings.load(), within))
    else:
        max_age, clock = float(sys.argv[3]), Clock()
        for module in (worker, runner) if sys.argv[4] == "all" else (worker,):
            vars(module)["time"] = clock
        print("ready", flush=True)
        sys.exit(worker.serve(Settings.load(), work=WORK, stale=STALE, within=within, max_age=max_age))
