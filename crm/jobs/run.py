"""What working code holds of its job: progress, the wish to stop, and where to go on after a break."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import Enum
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Row, select, update
from sqlalchemy.orm import Session

from crm.db import Database
from crm.models import BackgroundJob, JobStatus

REPORT_SECONDS = 0.5  # nobody reads progress more often, and each report is a commit


class Stop(Enum):
    """Why a job stops in the middle."""

    CANCELLED = "cancelled"
    GIVEN_BACK = "given_back"  # the worker stops; another goes on from the state
    LOST = "lost"  # another worker has it already


class JobStopped(Exception):
    """The job must stop here; what was committed stays, the worker does the rest."""

    def __init__(self, reason: Stop) -> None:
        super().__init__(reason.value)
        self.reason = reason


class JobRun(Protocol):
    """A job at work. `state` is what `report` or `mark` last kept, empty at the first try."""

    state: Mapping[str, Any]

    def report(self, done: int, total: int | None = None, *, state: Mapping[str, Any] | None = None) -> None:
        """Tell the progress, and keep the state to go on from, in a transaction of its own; call it often.

        Errors: JobStopped when the work must end here.
        """

    def mark(
        self, session: Session, done: int, total: int | None = None, *, state: Mapping[str, Any] | None = None
    ) -> None:
        """Do as `report` in the caller's transaction, so that a piece of work and its mark stand or fall together.

        Errors: JobStopped; let it roll the transaction back.
        """

    def is_cancelled(self) -> bool:
        """Tell whether the work should end; for code that wants to end in order. Cheap."""


class LooseRun:
    """A run without a job, for the command line and tests: it tells the progress and never stops."""

    def __init__(self, on_report: Callable[[int, int | None], None] | None = None) -> None:
        self.state: Mapping[str, Any] = {}
        self._on_report = on_report

    def report(self, done: int, total: int | None = None, *, state: Mapping[str, Any] | None = None) -> None:
        """Pass the progress on."""
        if state is not None:
            self.state = state
        if self._on_report is not None:
            self._on_report(done, total)

    def mark(
        self, session: Session, done: int, total: int | None = None, *, state: Mapping[str, Any] | None = None
    ) -> None:
        """Pass the progress on."""
        del session
        self.report(done, total, state=state)

    def is_cancelled(self) -> bool:
        """Tell that nobody stops it."""
        return False


class HeldRun:
    """The run of a job that a worker holds; every write fails once another worker has taken the job over."""

    def __init__(
        self,
        database: Database,
        *,
        job_id: int,
        held_by: str,
        state: Mapping[str, Any],
        is_stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self.state = state
        self._database = database
        self._job_id = job_id
        self._held_by = held_by
        self._is_stopping = is_stopping
        self._next_report = 0.0
        self._next_look = 0.0
        self.ended_for: Stop | None = None  # what `is_cancelled` said, should the work end without a word

    def report(self, done: int, total: int | None = None, *, state: Mapping[str, Any] | None = None) -> None:
        """Tell the progress; reports without a state are written twice a second at most."""
        if state is not None or done == total or time.monotonic() >= self._next_report:
            with self._database.session_scope() as session:
                wish = self._write(session, done, total, state)
            self._next_report = time.monotonic() + REPORT_SECONDS
            self._stop_if(wish)
        if self._is_stopping() and done != total:
            raise JobStopped(Stop.GIVEN_BACK)

    def mark(
        self, session: Session, done: int, total: int | None = None, *, state: Mapping[str, Any] | None = None
    ) -> None:
        """Tell the progress in the caller's transaction."""
        self._stop_if(self._write(session, done, total, state))

    def is_cancelled(self) -> bool:
        """Look twice a second at most."""
        if self._is_stopping():
            self.ended_for = Stop.GIVEN_BACK
        elif self.ended_for is None and time.monotonic() >= self._next_look:
            self._next_look = time.monotonic() + REPORT_SECONDS
            with self._database.read_scope() as session:
                query = select(BackgroundJob.cancel_requested_at).where(*self._mine())
                self.ended_for = _stop_of(session.execute(query).one_or_none())
        return self.ended_for is not None

    def _write(self, session: Session, done: int, total: int | None, state: Mapping[str, Any] | None) -> Stop | None:
        values: dict[str, Any] = {"done": done}
        if total is not None:
            values["total"] = total
        if state is not None:
            values["state"] = dict(state)
        change = update(BackgroundJob).where(*self._mine()).values(**values)
        stop = _stop_of(session.execute(change.returning(BackgroundJob.cancel_requested_at)).one_or_none())
        if state is not None and stop is not Stop.LOST:
            self.state = state
        return stop

    def _mine(self) -> tuple[ColumnElement[bool], ...]:
        return (
            BackgroundJob.id == self._job_id,
            BackgroundJob.held_by == self._held_by,
            BackgroundJob.status == JobStatus.RUNNING,
        )

    def _stop_if(self, wish: Stop | None) -> None:
        if wish is not None:
            raise JobStopped(wish)


def _stop_of(row: Row[datetime | None] | None) -> Stop | None:
    if row is None:
        return Stop.LOST
    return Stop.CANCELLED if row[0] is not None else None
