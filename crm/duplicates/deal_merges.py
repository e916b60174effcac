"""What a merge and its undo do with a deal besides its rows: its stay, its status, its next date."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypeGuard

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.deals.next_steps import refresh_next_due
from crm.deals.paths import retrace_deals
from crm.deals.visits import close_visit, open_visit
from crm.duplicates.journal import Changed, Entry, Pointed
from crm.duplicates.row_values import plain
from crm.models import Deal, DealStatus, NextStep, Stage, StageKind, StageVisit, StepResult, VisitOutcome

VISITS = "stage_visits"


def hide_deal(
    session: Session, actor: Actor, survivor: Deal, merged: Deal, now: datetime, moved: Sequence[Entry]
) -> list[Entry]:
    """End the merged deal's stay and take it out of use; `moved` says which rows have come to the survivor already."""
    entries = _hand_over_steps(session, survivor, merged, moved)
    hand_over_stay(session, actor, survivor, now)
    if merged.status is DealStatus.OPEN:
        visit = close_visit(session, merged, now, VisitOutcome.DUPLICATE)
        ended = {"left_at": (None, plain(visit.left_at)), "outcome": ("open", VisitOutcome.DUPLICATE.value)}
        entries.append(Changed(VISITS, visit.id, ended))
    merged.status = DealStatus.MERGED
    if survivor.status is not DealStatus.OPEN:
        entries += _cancel_steps(session, actor, survivor, now)
    session.flush()
    refresh_next_due(session, merged)
    refresh_next_due(session, survivor)
    retrace_deals(session, (survivor.id, merged.id))
    return entries


def hand_over_stay(session: Session, actor: Actor, deal: Deal, now: datetime) -> None:
    """End an open deal's stay for its former owner and begin it for the present one, as a reassignment does."""
    if deal.status is not DealStatus.OPEN:
        return
    stays = select(StageVisit.owner_id).where(StageVisit.deal_id == deal.id, StageVisit.left_at.is_(None))
    if session.scalar(stays) != deal.owner_id:
        ended = close_visit(session, deal, now, VisitOutcome.HANDOVER, deal.stage_id)
        open_visit(session, actor, deal, ended.left_at or now)


def stage_is_left(session: Session, deal: Deal, status: DealStatus) -> bool:
    """Tell whether an open deal can't return to its stage, because that was retired while the deal was hidden."""
    return status is DealStatus.OPEN and session.get_one(Stage, deal.stage_id).retired_at is not None


def stand_again(
    session: Session, actor: Actor, survivor: Deal, merged: Deal, status: DealStatus, now: datetime
) -> None:
    """Give a deal its status back; the stay that the merge ended goes on, or another begins on the first stage."""
    merged.status = status
    if stage_is_left(session, merged, status):
        _stand_elsewhere(session, actor, merged, now)
    hand_over_stay(session, actor, survivor, now)
    session.flush()
    refresh_next_due(session, merged)
    refresh_next_due(session, survivor)
    retrace_deals(session, (survivor.id, merged.id))


def _stand_elsewhere(session: Session, actor: Actor, deal: Deal, now: datetime) -> None:
    """Put a deal on the first stage, as its retired one would have been left to it."""
    left, stage = session.get_one(Stage, deal.stage_id), _first_stage(session, deal.pipeline_id)
    ended = select(StageVisit).filter_by(deal_id=deal.id, outcome=VisitOutcome.DUPLICATE)
    visit = session.scalars(ended.order_by(StageVisit.id.desc()).limit(1)).one()
    visit.outcome = VisitOutcome.FORWARD if stage.position > left.position else VisitOutcome.BACK
    visit.next_stage_id = stage.id
    deal.stage_id = stage.id
    deal.stage_entered_at = max(now, visit.left_at or now)
    session.flush()
    open_visit(session, actor, deal, deal.stage_entered_at)


def _hand_over_steps(session: Session, survivor: Deal, merged: Deal, moved: Sequence[Entry]) -> list[Entry]:
    """Give open steps that were a deal's owner's to the owner that the deal has now: nobody else need see it."""
    came = {row_id for one in moved if isinstance(one, Pointed) and one.table == "next_steps" for row_id in one.ids}
    kept_by = next((one.columns["owner_id"][0] for one in moved if _is_new_owner(one, survivor)), survivor.owner_id)
    query = select(NextStep).where(NextStep.deal_id == survivor.id, NextStep.done_at.is_(None)).order_by(NextStep.id)
    entries: list[Entry] = []
    for step in session.scalars(query.execution_options(populate_existing=True)):
        before = step.owner_id
        if before == (merged.owner_id if step.id in came else kept_by) and before != survivor.owner_id:
            step.owner_id = survivor.owner_id
            entries.append(Changed("next_steps", step.id, {"owner_id": (before, survivor.owner_id)}))
    return entries


def _is_new_owner(entry: Entry, deal: Deal) -> TypeGuard[Changed]:
    return isinstance(entry, Changed) and (entry.table, entry.id) == ("deals", deal.id) and "owner_id" in entry.columns


def _cancel_steps(session: Session, actor: Actor, deal: Deal, now: datetime) -> list[Entry]:
    """Close what came to a deal that has ended: nothing is planned there any more."""
    query = select(NextStep).where(NextStep.deal_id == deal.id, NextStep.done_at.is_(None)).order_by(NextStep.id)
    entries: list[Entry] = []
    for step in session.scalars(query.execution_options(populate_existing=True)):
        step.done_at, step.done_by, step.result = now, actor.user_id, StepResult.CANCELLED
        columns = {
            "done_at": (None, plain(now)),
            "done_by": (None, actor.user_id),
            "result": (None, StepResult.CANCELLED.value),
        }
        entries.append(Changed("next_steps", step.id, columns))
    return entries


def _first_stage(session: Session, pipeline_id: int) -> Stage:
    query = select(Stage).where(
        Stage.pipeline_id == pipeline_id, Stage.kind == StageKind.OPEN, Stage.retired_at.is_(None)
    )
    return session.scalars(query.order_by(Stage.position, Stage.id).limit(1)).one()
