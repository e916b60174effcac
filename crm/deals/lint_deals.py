"""The deals behind a number of the linter."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, exists, func, select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.permissions import Action, require
from crm.auth.visibility import deal_visible
from crm.clock import utc_now
from crm.models import Company, Deal, DealStatus, Stage, StageVisit, User
from crm.pipelines.linter.behaviour import newest_begun, newest_closed, no_task, went_back
from crm.pipelines.linter.values import Behind, Door

SHOWN_DEALS = 100


@dataclass(frozen=True, slots=True)
class DealBehind:
    """A deal behind a number."""

    id: int
    title: str
    company: str | None
    stage: str
    owner: str
    amount_minor: int | None
    currency: str
    stage_entered_at: datetime
    next_due_at: datetime | None


def deals_behind(session: Session, actor: Actor, door: Door, *, limit: int = SHOWN_DEALS) -> list[DealBehind]:
    """Return the deals behind a door, those longest on their stage first.

    Errors: Forbidden.
    """
    require(actor, Action.DESIGN_PIPELINES)
    query = (
        select(
            Deal.id, Deal.title, Company.name, Stage.name, User.name, Deal.amount_minor, Deal.currency,
            Deal.stage_entered_at, Deal.next_due_at,
        )
        .join(Stage, Stage.id == Deal.stage_id)
        .join(User, User.id == Deal.owner_id)
        .outerjoin(Company, Company.id == Deal.company_id)
        .where(deal_visible(actor), *_conditions(session, door))
        .order_by(Deal.stage_entered_at, Deal.id)
        .limit(limit)
    )  # fmt: skip
    return [DealBehind(*row) for row in session.execute(query)]


def _conditions(session: Session, door: Door) -> list[ColumnElement[bool]]:
    if door.behind is Behind.LOST_FOR:
        return [_among_closed(door, DealStatus.LOST), Deal.loss_reason_id == door.reason_id]
    if door.behind is Behind.WON_PAST:
        return [_among_closed(door, DealStatus.WON), *_past(session, door)]
    if door.behind is Behind.WENT_BACK:
        back = went_back([door.stage_id or 0], _since(door))
        return [exists().where(StageVisit.deal_id == Deal.id, *back)]
    if door.behind is Behind.INTAKE_HERE:
        return _began_here(door)
    here = [Deal.stage_id == door.stage_id, Deal.status == DealStatus.OPEN]
    if door.behind is Behind.NO_TASK_HERE:
        here.append(no_task(utc_now()))
    elif door.behind is Behind.CAME_IN:
        here.append(Deal.stage_entered_at >= _since(door))
    return here


def _since(door: Door) -> datetime:
    if door.since is None:
        raise LookupError(f"no beginning: {door.behind}")
    return door.since


def _among_closed(door: Door, status: DealStatus) -> ColumnElement[bool]:
    newest = newest_closed(door.pipeline_id, status, _since(door)).subquery()
    return Deal.id.in_(select(newest.c.id))


def _past(session: Session, door: Door) -> list[Any]:
    first_at = session.scalar(select(func.min(StageVisit.entered_at)).where(StageVisit.stage_id == door.stage_id))
    been = exists().where(StageVisit.deal_id == Deal.id, StageVisit.stage_id == door.stage_id)
    return [Deal.created_at >= first_at, ~been]


def _began_here(door: Door) -> list[ColumnElement[bool]]:
    newest = newest_begun(door.pipeline_id, _since(door)).subquery()
    first = (
        select(StageVisit.stage_id)
        .where(StageVisit.deal_id == Deal.id)
        .order_by(StageVisit.entered_at, StageVisit.id)
        .limit(1)
        .scalar_subquery()
    )
    return [Deal.id.in_(select(newest.c.id)), Deal.source == door.source, first == door.stage_id]
