"""Asking for background work, in the transaction that needs it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from itertools import count
from typing import Any

from sqlalchemy import event, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.clock import utc_now
from crm.models import BackgroundJob, JobKind, JobStatus

UNFINISHED = (JobStatus.QUEUED, JobStatus.RUNNING)
_TRIES = 5
_waiting: set[Callable[[], None]] = set()


def request_job(
    session: Session, actor: Actor, kind: JobKind, *, unique_key: str | None = None, **arguments: Any
) -> int:
    """Add a job to the caller's transaction and return its id; nothing runs when that rolls back.

    With a unique key, an unfinished job of this key is returned instead of another. The caller has checked the
    permission; the job runs as the actor. `arguments` must be JSON and hold no secrets.
    """
    _wake_after_commit(session)
    if unique_key is None:
        return _add(session, actor, kind, None, arguments)
    # Two who ask at once meet at the unique index; the job found there may have ended before it is looked at.
    for _ in range(_TRIES):
        found = _unfinished(session, unique_key)
        if found is not None:
            return found
        try:
            with session.begin_nested():
                return _add(session, actor, kind, unique_key, arguments)
        except IntegrityError:
            continue
    raise RuntimeError(f"no room for a job of the key {unique_key}")


def request_job_after(session: Session, actor: Actor, kind: JobKind, *, unique_key: str, **arguments: Any) -> int:
    """Do as `request_job`, but the job surely begins after this transaction: it sees what the transaction changes.

    One that runs already has perhaps read what was before, so another is added beside it.
    """
    for number in count(1):
        key = unique_key if number == 1 else f"{unique_key}.{number}"
        job_id = request_job(session, actor, kind, unique_key=key, **arguments)
        if _is_untouched(session, job_id):
            return job_id
    raise AssertionError("numbers have no end")


def note_done_job(session: Session, actor: Actor, kind: JobKind, *, began_at: datetime, done: int) -> int:
    """Add a job that a command line has done itself, for those who look when it was last done; return its id."""
    now = utc_now()
    job = BackgroundJob(
        kind=JobKind(kind).value, status=JobStatus.DONE, arguments={}, done=done, total=done, attempts=1,
        requested_by=actor.user_id, created_at=began_at, run_at=began_at, started_at=began_at, finished_at=now,
    )  # fmt: skip
    session.add(job)
    session.flush()
    return job.id


def wake_on_request(wake: Callable[[], None]) -> Callable[[], None]:
    """Call `wake` after each commit of this process that asks for a job; return what ends it."""
    _waiting.add(wake)
    return lambda: _waiting.discard(wake)


def _add(session: Session, actor: Actor, kind: JobKind, unique_key: str | None, arguments: dict[str, Any]) -> int:
    now = utc_now()
    job = BackgroundJob(
        kind=JobKind(kind).value,
        status=JobStatus.QUEUED,
        unique_key=unique_key,
        arguments=arguments,
        requested_by=actor.user_id,
        created_at=now,
        run_at=now,
    )
    session.add(job)
    session.flush()
    return job.id


def _unfinished(session: Session, unique_key: str) -> int | None:
    query = select(BackgroundJob.id).where(BackgroundJob.unique_key == unique_key)
    return session.scalar(query.where(BackgroundJob.status.in_(UNFINISHED)))


def _is_untouched(session: Session, job_id: int) -> bool:
    # Locked, so that no worker takes it before the caller commits; one that was put back has a part behind it.
    query = select(BackgroundJob.status, BackgroundJob.state).where(BackgroundJob.id == job_id)
    status, state = session.execute(query.with_for_update()).one()
    return status is JobStatus.QUEUED and not state


def _wake_after_commit(session: Session) -> None:
    if not event.contains(session, "after_commit", _wake_all):
        event.listen(session, "after_commit", _wake_all)


def _wake_all(_session: Session) -> None:
    for wake in tuple(_waiting):
        wake()
