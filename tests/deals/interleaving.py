"""Running two commands at once, in every order their statements can meet."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import event, text
from sqlalchemy.orm import Session

from crm.db import Database
from crm.errors import CrmError

Job = Callable[[Session], Any]
PATIENCE_SECONDS = 30


@dataclass(slots=True)
class Run:
    """One job in a thread and a transaction of its own; `outcome` is "done" or the error's name."""

    database: Database
    job: Job
    gate: threading.Barrier | None = None
    outcome: str = "unfinished"
    thread: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        self.thread = threading.Thread(target=self._work, daemon=True)

    def _work(self) -> None:
        if self.gate:
            self.gate.wait(PATIENCE_SECONDS)
        try:
            with self.database.session_scope() as session:
                self.job(session)
            self.outcome = "done"
        except CrmError as error:
            self.outcome = type(error).__name__
        except Exception as error:  # noqa: BLE001 - a broken thread must tell the test
            self.outcome = f"broken: {error!r}"

    def finish(self) -> str:
        """Wait for the end and return the outcome."""
        self.thread.join(PATIENCE_SECONDS)
        assert not self.thread.is_alive(), "a writer hangs"
        return self.outcome


def at_once(database: Database, *jobs: Job) -> list[str]:
    """Start the jobs together and return their outcomes."""
    gate = threading.Barrier(len(jobs))
    runs = [Run(database, job, gate) for job in jobs]
    for run in runs:
        run.thread.start()
    return [run.finish() for run in runs]


def interleaved(database: Database, first: Job, second: Job, pause_at: int) -> tuple[str, str] | None:
    """Stop `first` before its statement number `pause_at`, let `second` go as far as it can, then finish both.

    None when `first` has fewer statements.
    """
    stopped, go_on = threading.Event(), threading.Event()
    early, late = Run(database, first), Run(database, second)
    seen = 0

    def hold(*_statement: object) -> None:
        nonlocal seen
        if threading.current_thread() is not early.thread:
            return
        seen += 1
        if seen == pause_at:
            stopped.set()
            go_on.wait(PATIENCE_SECONDS)

    with listening(database, "before_cursor_execute", hold):
        early.thread.start()
        while early.thread.is_alive() and not stopped.wait(0.001):
            pass
        if not stopped.is_set():
            assert early.finish() == "done"
            return None
        late.thread.start()
        wait_until_done_or_blocked(database, late)
        go_on.set()
        return early.finish(), late.finish()


def wait_until_done_or_blocked(database: Database, run: Run) -> None:
    """Return when the run has ended or waits for a lock of another's transaction."""
    if database.is_sqlite:
        run.thread.join(0.02)  # writers of one process stand in a queue: the second waits for the first's end
        return
    waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    ends_at = time.monotonic() + PATIENCE_SECONDS
    with database.read_engine.connect() as connection:
        while run.thread.is_alive() and time.monotonic() < ends_at:
            if connection.scalar(waiting):
                return
            run.thread.join(0.002)


@contextmanager
def listening(database: Database, name: str, listener: Callable[..., None]) -> Iterator[None]:
    """Call the listener on an event of the write engine inside the block."""
    event.listen(database.write_engine, name, listener)
    try:
        yield
    finally:
        event.remove(database.write_engine, name, listener)
