"""Deals with a written history, for figures that can be worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.contacts.search_index import index_records
from crm.deals.paths import retrace_deals
from crm.models import Deal, DealStatus, Priority, StageVisit, VisitOutcome
from tests.factories import PipelineRows

FIRST_DAY = datetime(2026, 1, 5, 9, tzinfo=UTC)  # a Monday


def day(number: float) -> datetime:
    """Return an instant so many days after the first."""
    return FIRST_DAY + timedelta(days=number)


@dataclass(frozen=True, slots=True)
class Came:
    """A deal's coming to the pipeline's stage number `stage`, or another owner's taking it over there."""

    stage: int
    day: float
    owner: Actor


def add_history(
    session: Session,
    pipeline: PipelineRows,
    came: Sequence[Came],
    *,
    won: float | None = None,
    lost: float | None = None,
    reason: int = 0,
    **columns: Any,
) -> int:
    """Insert a deal that came where and when it is written, and was won or lost on a day; return its id."""
    last, ended = came[-1], won if won is not None else lost
    status = DealStatus.OPEN if ended is None else DealStatus.WON if won is not None else DealStatus.LOST
    end_stage = {DealStatus.WON: pipeline.won, DealStatus.LOST: pipeline.lost}.get(status, pipeline.stages[last.stage])
    losses = {"loss_reason_id": pipeline.reasons[reason], "loss_stage_id": pipeline.stages[last.stage]}
    values: dict[str, Any] = {
        "pipeline_id": pipeline.id, "stage_id": end_stage, "status": status, "owner_id": last.owner.user_id,
        "title": "Metal sheet", "amount_minor": 100_000, "currency": "RUB", "priority": Priority.WARM, "custom": {},
        "created_at": day(came[0].day), "stage_entered_at": day(last.day if ended is None else ended),
        "closed_at": None if ended is None else day(ended), "created_by": came[0].owner.user_id,
        "created_channel": came[0].owner.channel, **(losses if status is DealStatus.LOST else {}),
    }  # fmt: skip
    deal = Deal(**{**values, **columns})
    session.add(deal)
    session.flush()
    session.add_all(_visits(deal, pipeline, came, status, ended))
    index_records(session, "deal", [deal.id])
    retrace_deals(session, [deal.id])
    return deal.id


def _visits(
    deal: Deal, pipeline: PipelineRows, came: Sequence[Came], status: DealStatus, ended: float | None
) -> list[StageVisit]:
    visits = []
    for number, one in enumerate(came):
        following = came[number + 1] if number + 1 < len(came) else None
        visits.append(
            StageVisit(
                deal_id=deal.id,
                pipeline_id=pipeline.id,
                stage_id=pipeline.stages[one.stage],
                owner_id=one.owner.user_id,
                entered_at=day(one.day),
                left_at=day(following.day) if following else day(ended) if ended is not None else None,
                outcome=_outcome(one, following, status),
                next_stage_id=pipeline.stages[following.stage]
                if following
                else None
                if ended is None
                else deal.stage_id,
                is_first=one.stage not in {other.stage for other in came[:number]},
                channel=one.owner.channel,
                actor_id=one.owner.user_id,
            )
        )
    return visits


def _outcome(one: Came, following: Came | None, status: DealStatus) -> VisitOutcome:
    if following is None:
        ends = {DealStatus.WON: VisitOutcome.WON, DealStatus.LOST: VisitOutcome.LOST}
        return ends.get(status, VisitOutcome.OPEN)
    if following.stage == one.stage:
        return VisitOutcome.HANDOVER
    return VisitOutcome.FORWARD if following.stage > one.stage else VisitOutcome.BACK
