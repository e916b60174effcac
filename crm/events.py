"""Recording what happened, in the transaction that made it happen."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.clock import utc_now
from crm.models import BackgroundJob, Event, JobStatus

_RECORDED = "recorded"
_LAST_EVENTS = 1000  # more are never given out and not yet committed


def record(
    session: Session,
    actor: Actor,
    kind: str,
    entity: str,
    entity_id: int | None,
    *,
    deal_id: int | None = None,
    at: datetime | None = None,
    **details: Any,
) -> Event:
    """Add an event such as "deal.moved"; `details` must be JSON and hold no secrets."""
    event = Event(
        at=at or utc_now(),
        kind=kind,
        entity=entity,
        entity_id=entity_id,
        deal_id=deal_id if entity != "deal" else entity_id,
        actor_id=actor.user_id,
        channel=actor.channel,
        details=details,
    )
    session.add(event)
    session.info.setdefault(_RECORDED, set()).add((entity, entity_id))
    return event


def recorded(session: Session) -> frozenset[tuple[str, int | None]]:
    """Return (entity, id) of what `record` was called for in this session, one taken back by a savepoint included."""
    return frozenset(session.info.get(_RECORDED, ()))


def record_many(
    session: Session, actor: Actor, kind: str, entity: str, details_by_id: Mapping[int, Mapping[str, Any]], at: datetime
) -> None:
    """Add an event of one kind for each of many records, in few statements."""
    rows = [
        {
            "at": at,
            "kind": kind,
            "entity": entity,
            "entity_id": entity_id,
            "deal_id": entity_id if entity == "deal" else None,
            "actor_id": actor.user_id,
            "channel": actor.channel,
            "details": dict(details),
        }
        for entity_id, details in details_by_id.items()
    ]
    if rows:
        session.execute(insert(Event), rows)


def newest_event_id(session: Session) -> int:
    """Return the id of the newest event, 0 when there is none: the key of caches."""
    return session.scalar(select(func.max(Event.id))) or 0


def events_mark(session: Session) -> tuple[int, ...]:
    """Return what differs as soon as an event is committed, or a worker is done with something.

    The newest id, and how many of the last events are there: on PostgreSQL ids are given before they are committed, so
    that an older one may come to light after a newer one. The newest job, and how many are to be done: what they make
    anew, such as how far deals came, is no event.
    """
    newest = newest_event_id(session)
    jobs = select(func.max(BackgroundJob.id)).scalar_subquery()
    unfinished = BackgroundJob.status.in_((JobStatus.QUEUED, JobStatus.RUNNING))
    waiting = select(func.count()).select_from(BackgroundJob).where(unfinished).scalar_subquery()
    last = select(func.count()).select_from(Event).where(Event.id > newest - _LAST_EVENTS).scalar_subquery()
    return newest, *(one or 0 for one in session.execute(select(last, jobs, waiting)).one())
