"""Stage visits: a deal's stays on open stages, never two at once."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.models import Deal, StageVisit, VisitOutcome


def open_visit(session: Session, actor: Actor, deal: Deal, at: datetime) -> None:
    """Begin the deal's stay on its present stage with its present owner."""
    been_here = session.scalar(
        select(exists().where(StageVisit.deal_id == deal.id, StageVisit.stage_id == deal.stage_id))
    )
    session.add(
        StageVisit(
            deal_id=deal.id,
            pipeline_id=deal.pipeline_id,
            stage_id=deal.stage_id,
            owner_id=deal.owner_id,
            entered_at=at,
            outcome=VisitOutcome.OPEN,
            is_first=not been_here,
            channel=actor.channel,
            actor_id=actor.user_id,
        )
    )
    session.flush()


def close_visit(
    session: Session, deal: Deal, at: datetime, outcome: VisitOutcome, next_stage_id: int | None = None
) -> StageVisit:
    """End the deal's open stay and return it; time never runs backwards, whatever the clock says.

    The next stay begins when it is left, so that stays neither overlap nor leave a gap.
    """
    visit = session.scalars(select(StageVisit).where(StageVisit.deal_id == deal.id, StageVisit.left_at.is_(None))).one()
    visit.left_at = max(at, visit.entered_at)
    visit.outcome = outcome
    visit.next_stage_id = next_stage_id
    session.flush()
    return visit
