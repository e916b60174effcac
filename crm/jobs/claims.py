"""Who works on a job: one worker at a time, which holds it until it ends, lets go, or dies."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, delete, or_, select, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

from crm.jobs.requests import UNFINISHED
from crm.models import BackgroundJob, JobStatus


@dataclass(frozen=True, slots=True)
class Claim:
    """A job in the hands of a worker; `held_by` is the claim's own, so that a lost one changes nothing any more."""

    job_id: int
    kind: str
    arguments: Mapping[str, Any]
    state: Mapping[str, Any]
    tries: int
    requested_by: int | None
    is_cancelled: bool
    held_by: str


def free_kinds(session: Session, *, kinds: Collection[str], lone: Collection[str], now: datetime) -> set[str]:
    """Return which of these kinds have a job to be taken; of a lone kind only one is worked on at a time."""
    query = select(BackgroundJob.kind).where(BackgroundJob.kind.in_(kinds), _free(now)).distinct()
    found = set(session.scalars(query))
    if found.isdisjoint(lone):
        return found
    return found - set(session.scalars(_held(now).where(BackgroundJob.kind.in_(lone))))


def claim_job(
    session: Session,
    *,
    worker: str,
    kinds: Collection[str],
    lone: Collection[str] = (),
    now: datetime,
    held_until: datetime,
) -> Claim | None:
    """Take the job of these kinds that waits longest, one of a dead worker included."""
    kinds = free_kinds(session, kinds=kinds, lone=lone, now=now)
    query = select(BackgroundJob).where(BackgroundJob.kind.in_(kinds), _free(now))
    query = query.order_by(BackgroundJob.run_at, BackgroundJob.id).limit(1)
    # On SQLite the write transaction holds the whole file already.
    job = session.scalars(query.with_for_update(skip_locked=True)).one_or_none()
    if job is None or (job.kind in lone and not _is_alone(session, job, now)):
        return None
    job.status = JobStatus.RUNNING
    job.attempts += 1
    job.started_at = job.started_at or now
    job.held_by = f"{worker}/{job.id}/{job.attempts}"
    job.held_until = held_until
    return Claim(
        job_id=job.id,
        kind=job.kind,
        arguments=job.arguments,
        state=job.state,
        tries=job.attempts,
        requested_by=job.requested_by,
        is_cancelled=job.cancel_requested_at is not None,
        held_by=job.held_by,
    )


def hold_on(session: Session, claims: Collection[Claim], *, held_until: datetime) -> None:
    """Keep jobs that are still worked on from being taken over."""
    for claim in claims:
        session.execute(_mine(claim).values(held_until=held_until))


def end_job(
    session: Session,
    claim: Claim,
    *,
    status: JobStatus,
    now: datetime,
    result: Mapping[str, Any] | None = None,
    error: str | None = None,
) -> bool:
    """Close a job; False when another worker has taken it over."""
    outcome = None if result is None else dict(result)
    change = _mine(claim).values(
        status=status, finished_at=now, result=outcome, error=error, held_by=None, held_until=None
    )
    return _changed(session, change)


def put_back(session: Session, claim: Claim, *, run_at: datetime, error: str | None = None) -> bool:
    """Let a later try take the job; without an error, the try that ends here is not counted."""
    attempts = claim.tries if error is not None else claim.tries - 1
    change = _mine(claim).values(
        status=JobStatus.QUEUED, run_at=run_at, error=error, attempts=attempts, held_by=None, held_until=None
    )
    return _changed(session, change)


def forget_old_jobs(session: Session, *, now: datetime, kept: timedelta) -> int:
    """Delete jobs that ended long ago; return how many there were."""
    old = delete(BackgroundJob).where(BackgroundJob.finished_at < now - kept)
    result = session.execute(old)
    assert isinstance(result, CursorResult)  # noqa: S101 - what a DELETE gives; only its type is told here
    return result.rowcount


def _free(now: datetime) -> ColumnElement[bool]:
    waits = and_(BackgroundJob.status == JobStatus.QUEUED, BackgroundJob.run_at <= now)
    orphaned = and_(BackgroundJob.status == JobStatus.RUNNING, BackgroundJob.held_until < now)
    return or_(waits, orphaned)


def _is_alone(session: Session, job: BackgroundJob, now: datetime) -> bool:
    """Tell, to one worker at a time, whether no other job of the kind is held."""
    unfinished = select(BackgroundJob.id).where(BackgroundJob.kind == job.kind, BackgroundJob.status.in_(UNFINISHED))
    session.scalar(unfinished.order_by(BackgroundJob.id).limit(1).with_for_update())  # the row they all meet at
    return session.scalar(_held(now).where(BackgroundJob.kind == job.kind, BackgroundJob.id != job.id)) is None


def _held(now: datetime) -> Select[str]:
    query = select(BackgroundJob.kind).where(BackgroundJob.status == JobStatus.RUNNING)
    return query.where(BackgroundJob.held_until >= now).distinct()


def _mine(claim: Claim) -> Any:
    mine = (BackgroundJob.held_by == claim.held_by, BackgroundJob.status == JobStatus.RUNNING)
    return update(BackgroundJob).where(BackgroundJob.id == claim.job_id, *mine)


def _changed(session: Session, change: Any) -> bool:
    result = session.execute(change)
    assert isinstance(result, CursorResult)  # noqa: S101 - what an UPDATE gives; only its type is told here
    return result.rowcount == 1
