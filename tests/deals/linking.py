"""Pipelines linked to each other, and deals that set the links off."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.actors import system_actor
from crm.deals.moves import Move, lose_deal, win_deal
from crm.deals.values import LossAnswer
from crm.models import Deal, Event, LinkRun, LinkTrigger
from crm.pipelines.link_values import LinkPlan
from crm.pipelines.links import create_link
from tests.factories import PipelineRows

DAY_SECONDS = 86400


def add_link(session: Session, start: PipelineRows, end: PipelineRows, **settings: Any) -> int:
    """Link two pipelines by the command; won deals go on unless a trigger is given."""
    settings = {"trigger": LinkTrigger.WON, **settings}
    return create_link(
        session, system_actor(), plan=LinkPlan(from_pipeline_id=start.id, to_pipeline_id=end.id, **settings)
    )


def win(session: Session, actor: Actor, deal_id: int) -> None:
    """Win a deal that stands on the last open stage."""
    win_deal(session, actor, deal_id=deal_id, move=Move(0))


def lose(session: Session, actor: Actor, deal_id: int, pipeline: PipelineRows, note: str = "") -> None:
    """Lose a deal for the price."""
    lose_deal(session, actor, deal_id=deal_id, move=Move(0, loss=LossAnswer(pipeline.reasons[0], note)))


def children(session: Session, deal_id: int) -> list[Deal]:
    """Return the deals that links made of a deal."""
    return list(session.scalars(select(Deal).where(Deal.origin_deal_id == deal_id).order_by(Deal.id)))


def only_child(session: Session, deal_id: int) -> Deal:
    """Return the one deal that links made of a deal."""
    (child,) = children(session, deal_id)
    return child


def runs(session: Session) -> list[LinkRun]:
    """Return every firing, the oldest first."""
    return list(session.scalars(select(LinkRun).order_by(LinkRun.id).execution_options(populate_existing=True)))


def events_of(session: Session, deal_id: int) -> list[tuple[str, dict[str, Any]]]:
    """Return kind and details of a deal's events, the oldest first."""
    rows = session.scalars(select(Event).where(Event.deal_id == deal_id).order_by(Event.id))
    return [(row.kind, row.details) for row in rows]
