"""Consistent rows for tests: what the commands would have left behind, without running them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.clock import utc_now
from crm.contacts.search_index import index_records
from crm.deals.paths import retrace_deals
from crm.models import (
    Company,
    Contact,
    ContactPoint,
    Deal,
    DealStatus,
    LossReason,
    NextStep,
    Pipeline,
    PointKind,
    Priority,
    Stage,
    StageKind,
    StageVisit,
    StepKind,
    StepResult,
    VisitOutcome,
)

TOMORROW = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class PipelineRows:
    """Ids of a pipeline's rows; `reasons` are price, other (note required), duplicate or test (not a loss)."""

    id: int
    stages: list[int]
    won: int
    lost: int
    reasons: list[int]


def add_pipeline(
    session: Session,
    name: str = "First sales",
    stages: Sequence[str] = ("Contact made", "Need found", "Offer sent", "Invoice issued"),
) -> PipelineRows:
    """Insert a pipeline with open stages, won, lost and three loss reasons of its own."""
    pipeline = Pipeline(name=name, position=0, created_at=utc_now())
    session.add(pipeline)
    session.flush()
    kinds = [*((stage, StageKind.OPEN) for stage in stages), ("Paid", StageKind.WON), ("Lost", StageKind.LOST)]
    ids = [
        _added(session, Stage(pipeline_id=pipeline.id, name=stage, kind=kind, position=position))
        for position, (stage, kind) in enumerate(kinds)
    ]
    reasons = [
        LossReason(pipeline_id=pipeline.id, name="Price", position=0),
        LossReason(pipeline_id=pipeline.id, name="Other", position=1, note_required=True),
        LossReason(pipeline_id=pipeline.id, name="Duplicate or test", position=2, counts_as_loss=False),
    ]
    return PipelineRows(pipeline.id, ids[:-2], ids[-2], ids[-1], [_added(session, reason) for reason in reasons])


def add_company(session: Session, actor: Actor, name: str = "Mir LLC", **columns: Any) -> int:
    """Insert a company owned by the actor; return its id."""
    values = {"owner_id": actor.user_id, "created_at": utc_now(), **columns}
    company_id = _added(session, Company(name=name, **values))
    index_records(session, "company", [company_id])
    return company_id


def add_contact(
    session: Session,
    actor: Actor,
    name: str = "Ivan Petrov",
    *,
    phone: str | None = None,
    email: str | None = None,
    **columns: Any,
) -> int:
    """Insert a contact owned by the actor, with an E.164 phone and an e-mail where given; return its id."""
    contact_id = _added(session, Contact(name=name, **{"owner_id": actor.user_id, "created_at": utc_now(), **columns}))
    points = [(PointKind.PHONE, phone), (PointKind.EMAIL, email)]
    for position, (kind, value) in enumerate((kind, value) for kind, value in points if value):
        session.add(
            ContactPoint(contact_id=contact_id, kind=kind, value=value, normalised=value.lower(), position=position)
        )
    index_records(session, "contact", [contact_id])
    return contact_id


def add_deal(
    session: Session,
    actor: Actor,
    pipeline: PipelineRows,
    stage: int = 0,
    *,
    due_in: timedelta | None = TOMORROW,
    **columns: Any,
) -> int:
    """Insert an open deal on the pipeline's stage number `stage`, its open visit and its next step; return its id.

    `due_in` says when the next step is due from now; None leaves the deal without one.
    """
    deal = _deal(actor, pipeline, pipeline.stages[stage], DealStatus.OPEN, columns)
    deal.next_due_at = utc_now() + due_in if due_in is not None else None
    session.add(deal)
    session.flush()
    session.add(_visit(deal, actor, deal.stage_id))
    if due_in is not None:
        session.add(_step(deal, actor))
    retrace_deals(session, [deal.id])
    index_records(session, "deal", [deal.id])
    return deal.id


def add_closed_deal(
    session: Session,
    actor: Actor,
    pipeline: PipelineRows,
    outcome: VisitOutcome = VisitOutcome.WON,
    stage: int = -1,
    **columns: Any,
) -> int:
    """Insert a deal won or lost now from the pipeline's stage number `stage`, with its visit; return its id."""
    won = outcome is VisitOutcome.WON
    end, status = (pipeline.won, DealStatus.WON) if won else (pipeline.lost, DealStatus.LOST)
    if not won:
        columns = {"loss_reason_id": pipeline.reasons[0], "loss_stage_id": pipeline.stages[stage], **columns}
    deal = _deal(actor, pipeline, end, status, {"closed_at": utc_now(), **columns})
    session.add(deal)
    session.flush()
    visit = _visit(deal, actor, pipeline.stages[stage])
    visit.left_at, visit.outcome, visit.next_stage_id = deal.closed_at, outcome, end
    step = _step(deal, actor)
    step.due_at = deal.created_at
    step.done_at, step.done_by, step.result = deal.closed_at, actor.user_id, StepResult.DONE
    session.add_all([visit, step])
    retrace_deals(session, [deal.id])
    index_records(session, "deal", [deal.id])
    return deal.id


def _deal(actor: Actor, pipeline: PipelineRows, stage_id: int, status: DealStatus, columns: dict[str, Any]) -> Deal:
    created_at = columns.get("created_at", utc_now())
    values: dict[str, Any] = {
        "owner_id": actor.user_id,
        "title": "Metal sheet",
        "amount_minor": 32_000_000,
        "currency": "RUB",
        "priority": Priority.WARM,
        "custom": {},
        "created_at": created_at,
        "stage_entered_at": created_at,
        "created_by": actor.user_id,
        "created_channel": actor.channel,
    }
    return Deal(pipeline_id=pipeline.id, stage_id=stage_id, status=status, **{**values, **columns})


def _visit(deal: Deal, actor: Actor, stage_id: int) -> StageVisit:
    return StageVisit(
        deal_id=deal.id,
        pipeline_id=deal.pipeline_id,
        stage_id=stage_id,
        owner_id=deal.owner_id,
        entered_at=deal.stage_entered_at if deal.status is DealStatus.OPEN else deal.created_at,
        outcome=VisitOutcome.OPEN,
        is_first=True,
        channel=actor.channel,
        actor_id=actor.user_id,
    )


def _step(deal: Deal, actor: Actor) -> NextStep:
    return NextStep(
        deal_id=deal.id,
        kind=StepKind.CALL,
        text="Call about the offer",
        due_at=deal.next_due_at,
        owner_id=deal.owner_id,
        created_at=deal.created_at,
        created_by=actor.user_id,
    )


def _added(session: Session, row: Any) -> int:
    session.add(row)
    session.flush()
    row_id: int = row.id
    return row_id
