"""What changes of many deals at once have in common: their events, and stays that end."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, case, insert, literal, select, update
from sqlalchemy.orm import Session

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
    session.execute(
        insert(Event).from_select(
            ["at", "kind", "entity", "entity_id", "deal_id", "actor_id", "channel", "details"],
            select(
                literal(now, UtcDateTime()), literal(kind), literal("deal"), Deal.id, Deal.id,
                literal(actor.user_id, BigInteger()), literal(actor.channel.value),
                literal(dict(details), Event.details.type),
            ).where(*which),
        )
    )  # fmt: skip


def end_open_visits(session: Session, stage_id: int, next_stage_id: int, outcome: VisitOutcome, now: datetime) -> None:
    """End every stay that lasts on a stage; time never runs backwards, whatever the clock says."""
    session.execute(
        update(StageVisit)
        .where(StageVisit.stage_id == stage_id, StageVisit.left_at.is_(None))
        .values(
            left_at=case((StageVisit.entered_at > now, StageVisit.entered_at), else_=literal(now, UtcDateTime())),
            outcome=outcome,
            next_stage_id=next_stage_id,
        )
        .execution_options(synchronize_session=False)
    )
