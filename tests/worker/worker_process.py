"""A worker process that does the work of tests."""

from __future__ import annotations

import signal
import sys
import threading

from crm.db import Database
from crm.worker.loop import Worker
from tests.worker.sample_work import SETS


def main() -> None:
    """Run a worker on the database of the first argument and the work of the second until SIGTERM."""
    jobs, schedules = SETS[sys.argv[2]]
    told = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_frame: told.set())
    database = Database(sys.argv[1], synchronous="NORMAL")
    worker = Worker(database, jobs, schedules, poll_seconds=0.05, hold_seconds=1)
    worker.start()
    told.wait()
    worker.stop()
    database.close()


if __name__ == "__main__":
    main()
