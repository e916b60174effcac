"""What changes of many deals at once have in common: their events, stays that end, the moment they end."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, case, insert, literal, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from crm.actor import Actor
from crm.db.types import UtcDateTime
from crm.models import Deal, Event, StageVisit, VisitOutcome


def record_for_deals(
    session: Session,
    actor: Actor,
    kind: str,
    details: Mapping[str, Any],
    which: tuple[ColumnElement[bool], ...],
    now: datetime,
) -> None:
    """Add one event of a kind, with the same details, for each deal that the conditions name."""
    record_for_rows(session, actor, kind, "deal", (Deal.id, Deal.id), details, which, now)


def record_for_rows(
    session: Session,
    actor: Actor,
    kind: str,
    entity: str,
    keys: tuple[InstrumentedAttribute[int], InstrumentedAttribute[int]],
    details: Mapping[str, Any],
    which: tuple[ColumnElement[bool], ...],
    now: datetime,
) -> None:
    """Add one event, with the same details, for each row that the conditions name; `keys`: its id, and its deal's."""
    session.execute(
        insert(Event).from_select(
            ["at", "kind", "entity", "entity_id", "deal_id", "actor_id", "channel", "details"],
            select(
                literal(now, UtcDateTime()), literal(kind), literal(entity), *keys,
                literal(actor.user_id, BigInteger()), literal(actor.channel.value),
                literal(dict(details), Event.details.type),
            ).where(*which),
        )
    )  # fmt: skip


def end_open_visits(session: Session, stage_id: int, next_stage_id: int, outcome: VisitOutcome, now: datetime) -> None:
    """End every stay that lasts on a stage."""
    session.execute(
        update(StageVisit)
        .where(StageVisit.stage_id == stage_id, StageVisit.left_at.is_(None))
        .values(left_at=end_of_visit(now), outcome=outcome, next_stage_id=next_stage_id)
        .execution_options(synchronize_session=False)
    )


def end_of_visit(now: datetime) -> ColumnElement[datetime]:
    """Return the moment when a stay that ends now ends: time never runs backwards, whatever the clock says."""
    return case((StageVisit.entered_at > now, StageVisit.entered_at), else_=literal(now, UtcDateTime()))
