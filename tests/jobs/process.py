"""A worker or a web process that a test may kill: `python -m tests.jobs.process worker|web SECONDS`."""

import asyncio
import logging
import signal
import sys

from tests.jobs.places import STALE, WORK
from vimix.jobs import reconcile
from vimix.jobs.desk import open_desk
from vimix.jobs.worker import serve
from vimix.settings import Settings


async def web(settings: Settings, within: float) -> None:
    desk = open_desk(settings, workers=settings.workers, work=WORK, stale=STALE)
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    await desk.start()
    print("ready", flush=True)
    await told.wait()
    await desk.stop(within=within)


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, format="%(process)d %(message)s")
    within = float(sys.argv[2])
    reconcile.BACK_OFF = 0.1
    if sys.argv[1] == "web":
        asyncio.run(web(Settings.load(), within))
    else:
        print("ready", flush=True)
        sys.exit(serve(Settings.load(), work=WORK, stale=STALE, within=within))
