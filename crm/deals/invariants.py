"""What must always hold among deals, stages, visits and next steps, looked up over the whole base."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Select, and_, case, func, or_, select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.permissions import Action, require
from crm.auth.visibility import deal_in_use
from crm.deals.link_invariants import LINK_INVARIANTS
from crm.deals.merge_invariants import MERGE_INVARIANTS
from crm.models import Deal, DealRemoval, DealStatus, NextStep, SearchEntry, Stage, StageKind, StageVisit, VisitOutcome

SHOWN_IDS = 10


@dataclass(frozen=True, slots=True)
class BrokenInvariant:
    """A rule that does not hold: its name, how many deals break it, the first of them."""

    name: str
    count: int
    deal_ids: tuple[int, ...]


def broken_invariants(session: Session, actor: Actor) -> list[BrokenInvariant]:
    """Return the rules that some deal breaks; an empty list is a whole base.

    Errors: Forbidden.
    """
    require(actor, Action.MANAGE_WORKSPACE)
    found = []
    for name, offenders in INVARIANTS.items():
        deals = offenders().subquery()
        count = session.scalar(select(func.count()).select_from(deals)) or 0
        if count:
            first = session.scalars(select(deals.c[0]).order_by(deals.c[0]).limit(SHOWN_IDS))
            found.append(BrokenInvariant(name, count, tuple(first)))
    return found


def _open_deal_without_its_visit() -> Select[int]:
    fitting = (
        select(StageVisit.id)
        .where(
            StageVisit.deal_id == Deal.id,
            StageVisit.left_at.is_(None),
            StageVisit.outcome == VisitOutcome.OPEN,
            StageVisit.stage_id == Deal.stage_id,
            StageVisit.owner_id == Deal.owner_id,
            StageVisit.pipeline_id == Deal.pipeline_id,
        )
        .exists()
    )
    return select(Deal.id).where(Deal.status == DealStatus.OPEN, ~fitting)


def _closed_deal_with_an_open_visit() -> Select[int]:
    staying = select(StageVisit.id).where(StageVisit.deal_id == Deal.id, StageVisit.left_at.is_(None)).exists()
    return select(Deal.id).where(Deal.status != DealStatus.OPEN, staying)


def _visits_overlap() -> Select[int]:
    order = (StageVisit.entered_at, StageVisit.id)
    stays = select(
        StageVisit.deal_id.label("deal_id"),
        StageVisit.entered_at.label("entered_at"),
        func.lag(StageVisit.id).over(partition_by=StageVisit.deal_id, order_by=order).label("earlier_id"),
        func.lag(StageVisit.left_at).over(partition_by=StageVisit.deal_id, order_by=order).label("earlier_left_at"),
    ).subquery()
    overlap = or_(stays.c.earlier_left_at.is_(None), stays.c.earlier_left_at > stays.c.entered_at)
    return select(stays.c.deal_id).where(stays.c.earlier_id.is_not(None), overlap).distinct()


def _visit_of_another_pipeline_or_a_closed_stage() -> Select[int]:
    wrong = or_(Stage.pipeline_id != StageVisit.pipeline_id, Stage.kind != StageKind.OPEN)
    return select(StageVisit.deal_id).join(Stage, Stage.id == StageVisit.stage_id).where(wrong).distinct()


def _status_not_that_of_its_stage() -> Select[int]:
    status = case(
        (Stage.kind == StageKind.OPEN, DealStatus.OPEN.value),
        (Stage.kind == StageKind.WON, DealStatus.WON.value),
        else_=DealStatus.LOST.value,
    )
    wrong = or_(
        and_(Deal.status != status, deal_in_use()),
        Stage.pipeline_id != Deal.pipeline_id,
        and_(Deal.status == DealStatus.OPEN, Deal.closed_at.is_not(None)),
        and_(Deal.status.in_((DealStatus.WON, DealStatus.LOST)), Deal.closed_at.is_(None)),
    )
    return select(Deal.id).join(Stage, Stage.id == Deal.stage_id).where(wrong)


def _open_deal_on_a_retired_stage() -> Select[int]:
    return (
        select(Deal.id)
        .join(Stage, Stage.id == Deal.stage_id)
        .where(Deal.status == DealStatus.OPEN, Stage.retired_at.is_not(None))
    )


def _next_due_not_that_of_its_steps() -> Select[int]:
    nearest = (
        select(func.min(NextStep.due_at))
        .where(NextStep.deal_id == Deal.id, NextStep.done_at.is_(None))
        .correlate(Deal)
        .scalar_subquery()
    )
    differs = Deal.next_due_at.is_distinct_from(nearest)
    return select(Deal.id).where(differs)


def _loss_reason_not_that_of_the_status() -> Select[int]:
    return select(Deal.id).where(
        or_(
            and_(Deal.status == DealStatus.LOST, Deal.loss_reason_id.is_(None)),
            and_(Deal.status.in_((DealStatus.OPEN, DealStatus.WON)), Deal.loss_reason_id.is_not(None)),
        )
    )


def _deal_that_no_search_finds() -> Select[int]:
    entry = select(SearchEntry.id).where(SearchEntry.kind == "deal", SearchEntry.record_id == Deal.id).exists()
    return select(Deal.id).where(~entry, deal_in_use())


def _deal_out_of_use_that_search_finds() -> Select[int]:
    entry = select(SearchEntry.id).where(SearchEntry.kind == "deal", SearchEntry.record_id == Deal.id).exists()
    return select(Deal.id).where(entry, ~deal_in_use())


def _removal_not_that_of_the_status() -> Select[int]:
    out = select(DealRemoval.id).where(DealRemoval.deal_id == Deal.id, DealRemoval.restored_at.is_(None)).exists()
    return select(Deal.id).where((Deal.status == DealStatus.REMOVED) != out)


INVARIANTS: dict[str, Callable[[], Select[int]]] = {
    "open deal without its open visit": _open_deal_without_its_visit,
    "closed deal with an open visit": _closed_deal_with_an_open_visit,
    "visits of a deal overlap": _visits_overlap,
    "visit of another pipeline or of a closed stage": _visit_of_another_pipeline_or_a_closed_stage,
    "status not that of the stage": _status_not_that_of_its_stage,
    "open deal on a retired stage": _open_deal_on_a_retired_stage,
    "next due not that of the open steps": _next_due_not_that_of_its_steps,
    "loss reason not that of the status": _loss_reason_not_that_of_the_status,
    "deal that no search finds": _deal_that_no_search_finds,
    "deal out of use that search finds": _deal_out_of_use_that_search_finds,
    "removal not that of the status": _removal_not_that_of_the_status,
    **LINK_INVARIANTS,
    **MERGE_INVARIANTS,
}
