"""How the look through the base goes, or went: for the page, and to stop it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.permissions import Action, require
from crm.clock import utc_now
from crm.models import BackgroundJob, JobKind, JobStatus, MatchPair, PairState

NEW_COUNTED_AT_MOST = 1000
_UNFINISHED = (JobStatus.QUEUED, JobStatus.RUNNING)


@dataclass(frozen=True, slots=True)
class ScanStatus:
    """The newest look through the base; `new_pairs` are those found by then that still wait, up to a limit."""

    job_id: int
    status: JobStatus
    done: int
    total: int | None
    created_at: datetime
    finished_at: datetime | None
    is_stopping: bool
    new_pairs: int

    @property
    def is_running(self) -> bool:
        """Tell whether it waits for a worker or is at work."""
        return self.status in _UNFINISHED


def load_scan_status(session: Session, actor: Actor) -> ScanStatus | None:
    """Return the newest look through the base, None where there was none. Errors: Forbidden."""
    require(actor, Action.REVIEW_DUPLICATES)
    query = select(BackgroundJob).where(BackgroundJob.kind == JobKind.SCAN_BASE.value)
    job = session.scalars(query.order_by(BackgroundJob.id.desc()).limit(1)).one_or_none()
    if job is None:
        return None
    return ScanStatus(
        job_id=job.id,
        status=job.status,
        done=job.done,
        total=job.total,
        created_at=job.created_at,
        finished_at=job.finished_at,
        is_stopping=job.cancel_requested_at is not None,
        new_pairs=_new_since(session, job.started_at) if job.started_at else 0,
    )


def stop_scan(session: Session, actor: Actor) -> None:
    """Take a waiting look back, or ask the one at work to stop; what it has found stays. Errors: Forbidden."""
    require(actor, Action.REVIEW_DUPLICATES)
    now = utc_now()
    of_scans = update(BackgroundJob).where(BackgroundJob.kind == JobKind.SCAN_BASE.value)
    waiting = of_scans.where(BackgroundJob.status == JobStatus.QUEUED)
    session.execute(waiting.values(status=JobStatus.CANCELLED, cancel_requested_at=now, finished_at=now))
    running = of_scans.where(BackgroundJob.status == JobStatus.RUNNING, BackgroundJob.cancel_requested_at.is_(None))
    session.execute(running.values(cancel_requested_at=now))


def _new_since(session: Session, since: datetime) -> int:
    found = select(MatchPair.id).where(MatchPair.state == PairState.OPEN, MatchPair.found_at >= since)
    return session.scalar(select(func.count()).select_from(found.limit(NEW_COUNTED_AT_MOST).subquery())) or 0
