"""Work that returns by the clock."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.analytics.trust.days import NIGHT_HOUR
from crm.auth.actors import system_actor
from crm.db import Database
from crm.duplicates.match_changes import has_changes
from crm.errors import DatabaseUnavailable
from crm.jobs import request_job
from crm.jobs.clockwork import Every, Nightly, Rhythm, take_moment
from crm.models import JobKind, Workspace
from crm.worker.due_links import has_due_links

log = logging.getLogger(__name__)


def _always(_session: Session) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Schedule:
    """A kind of work and when it returns; without work no job is made, which keeps the list readable."""

    kind: JobKind
    rhythm: Rhythm
    has_work: Callable[[Session], bool] = _always


SCHEDULES: Sequence[Schedule] = (
    Schedule(JobKind.DUE_LINKS, Every(60), has_due_links),
    Schedule(JobKind.MATCH_CHANGED, Every(60), has_changes),
    Schedule(JobKind.TRUST_DAY, Nightly(NIGHT_HOUR)),
    Schedule(JobKind.SCAN_BASE, Nightly(3)),
    Schedule(JobKind.LINT_PIPELINES, Nightly(4, weekday=0)),
    Schedule(JobKind.TIDY, Nightly(5)),
)


class Clockwork:
    """Starts work whose moment has come; every process may have one, each moment fires once."""

    def __init__(self, database: Database, schedules: Sequence[Schedule]) -> None:
        self._database = database
        self._schedules = schedules
        self._seen: dict[JobKind, datetime] = {}

    def look(self, now: datetime) -> int:
        """Ask for the jobs that are due; return how many there were."""
        with self._database.read_scope() as session:
            timezone = session.scalar(select(Workspace.timezone).where(Workspace.id == 1))
        if timezone is None:  # nobody has set the house up yet
            return 0
        return sum(self._carefully(one, now, timezone) for one in self._schedules)

    def _carefully(self, schedule: Schedule, now: datetime, timezone: str) -> bool:
        try:
            return self._start(schedule, schedule.rhythm.moment(now, timezone), now)
        except DatabaseUnavailable:
            raise
        except Exception:  # one schedule must not keep the others, nor work that waits, from being started
            log.exception("schedule %s could not be looked at", schedule.kind)
            return False

    def _start(self, schedule: Schedule, moment: datetime, now: datetime) -> bool:
        if self._seen.get(schedule.kind) == moment:
            return False
        with self._database.read_scope() as session:
            has_work = schedule.has_work(session)
        fires = has_work and self._fire(schedule, moment, now)
        self._seen[schedule.kind] = moment
        return fires

    def _fire(self, schedule: Schedule, moment: datetime, now: datetime) -> bool:
        kind = schedule.kind
        with self._database.session_scope() as session:
            if not take_moment(session, kind, moment, fires_at_once=schedule.rhythm.fires_at_once, now=now):
                return False
            request_job(session, system_actor(), kind, unique_key=kind.value)
            return True
