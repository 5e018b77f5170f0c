"""A worker or a web process that a test may kill: `python -m tests.jobs.process worker|web SECONDS [MAX_AGE]`."""

import asyncio
import logging
import signal
import sys

from tests.jobs.deployment import STALE, WORK
from vimix.jobs.service import open_service
from vimix.jobs.worker import recovery
from vimix.jobs.worker.serve import serve
from vimix.settings import Settings


async def web(settings: Settings, within: float) -> None:
    service = open_service(settings, workers=settings.workers, work=WORK, stale=STALE)
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    await service.start()
    print("ready", flush=True)
    await told.wait()
    await service.stop(within=within)


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, format="%(process)d %(message)s")
    within = float(sys.argv[2])
    recovery.BACK_OFF = 0.1
    if sys.argv[1] == "web":
        asyncio.run(web(Settings.load(), within))
    else:
        print("ready", flush=True)
        max_age = float(sys.argv[3])
        sys.exit(serve(Settings.load(), work=WORK, stale=STALE, within=within, max_age=max_age))
