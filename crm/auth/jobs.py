"""Background jobs as people see them: whoever asked for one, and administrators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, select, true, update
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.permissions import Action, may
from crm.clock import utc_now
from crm.errors import NotFound
from crm.models import BackgroundJob, JobStatus, User


@dataclass(frozen=True, slots=True)
class JobInfo:
    """A background job. `requested_by` is a name, None for work the clock asks for; `error` is a code."""

    id: int
    kind: str
    status: JobStatus
    arguments: Mapping[str, Any]
    done: int
    total: int | None
    result: Mapping[str, Any] | None
    error: str | None
    tries: int
    requested_by: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    is_cancelling: bool

    @property
    def is_over(self) -> bool:
        """Tell whether nothing more will come."""
        return self.finished_at is not None


def load_job(session: Session, actor: Actor, job_id: int) -> JobInfo:
    """Return a job.

    Errors: NotFound.
    """
    row = session.execute(_visible(actor).where(BackgroundJob.id == job_id)).one_or_none()
    if row is None:
        raise NotFound(entity="job", id=job_id)
    job, requested_by = row
    return _info(job, requested_by)


def recent_jobs(session: Session, actor: Actor, *, limit: int = 50, kind: str | None = None) -> list[JobInfo]:
    """Return the newest jobs, the newest first."""
    query = _visible(actor).order_by(BackgroundJob.id.desc()).limit(limit)
    if kind is not None:
        query = query.where(BackgroundJob.kind == kind)
    return [_info(job, requested_by) for job, requested_by in session.execute(query)]


def cancel_job(session: Session, actor: Actor, job_id: int) -> JobStatus:
    """Take a waiting job back, or ask a running one to stop at its next report; return how it stands.

    A job that is over stays as it is. Errors: NotFound.
    """
    found = select(BackgroundJob).where(BackgroundJob.id == job_id, _of(actor))
    if session.scalar(found.with_for_update()) is None:
        raise NotFound(entity="job", id=job_id)
    now = utc_now()
    change = update(BackgroundJob).where(BackgroundJob.id == job_id)
    waiting = change.where(BackgroundJob.status == JobStatus.QUEUED)
    session.execute(waiting.values(status=JobStatus.CANCELLED, cancel_requested_at=now, finished_at=now))
    running = change.where(BackgroundJob.status == JobStatus.RUNNING, BackgroundJob.cancel_requested_at.is_(None))
    session.execute(running.values(cancel_requested_at=now))
    return session.execute(select(BackgroundJob.status).where(BackgroundJob.id == job_id)).scalar_one()


def _visible(actor: Actor) -> Select[BackgroundJob, str | None]:
    query = select(BackgroundJob, User.name).outerjoin(User, User.id == BackgroundJob.requested_by)
    return query.where(_of(actor)).execution_options(populate_existing=True)


def _of(actor: Actor) -> ColumnElement[bool]:
    return true() if may(actor, Action.MANAGE_WORKSPACE) else BackgroundJob.requested_by == actor.user_id


def _info(job: BackgroundJob, requested_by: str | None) -> JobInfo:
    return JobInfo(
        id=job.id,
        kind=job.kind,
        status=job.status,
        arguments=job.arguments,
        done=job.done,
        total=job.total,
        result=job.result,
        error=job.error,
        tries=job.attempts,
        requested_by=requested_by,
        created_at=job.created_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
        is_cancelling=job.status is JobStatus.RUNNING and job.cancel_requested_at is not None,
    )
