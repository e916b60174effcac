"""Pipelines and deals that the linter is shown in tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.clock import utc_now
from crm.contacts.search_index import index_records
from crm.models import (
    Deal,
    DealStatus,
    LossReason,
    NextStep,
    Pipeline,
    PipelineLink,
    Priority,
    Stage,
    StageRequirement,
    StageVisit,
    StepKind,
    VisitOutcome,
)
from crm.pipelines.linter.facts import load_facts
from crm.pipelines.linter.findings import lint
from crm.pipelines.linter.values import Finding
from tests.factories import PipelineRows, add_pipeline

GOOD_STAGES = ("Contact made", "Need confirmed", "Offer sent", "Terms agreed", "Invoice issued")
GOOD_REASONS = ("Too far", "Too late", "No money")
# Ten of the worst stages of the practitioners' texts, a finished action among them.
BAD_STAGES = (
    "Новый лид",
    "Лид из ВК",
    "В работе",
    "Жду звонка",
    "На рассмотрении",
    "Переговоры",
    "Возражения",
    "Сделка отложена",
    "Мусор",
    "Долгий ящик",
)


def add_good_pipeline(
    session: Session, name: str = "First sales", stages: Sequence[str] = GOOD_STAGES, *, stands_alone: bool = True
) -> PipelineRows:
    """Insert a pipeline about which the linter has nothing to say."""
    rows = add_pipeline(session, name, stages)
    session.execute(
        update(Stage).where(Stage.id.in_(rows.stages)).values(exit_criterion="The client says so", norm_seconds=86400)
    )
    session.add(StageRequirement(stage_id=rows.stages[-1], builtin="amount"))
    session.add_all(LossReason(pipeline_id=rows.id, name=one, position=9) for one in GOOD_REASONS)
    session.get_one(Pipeline, rows.id).stands_alone = stands_alone
    session.flush()
    return rows


def found_in(session: Session, pipeline_id: int, code: str | None = None) -> list[Finding]:
    """Return what the linter finds in a pipeline of the base, of one code where it is given."""
    return [one for one in lint(load_facts(session, pipeline_id)) if code in {None, one.code}]


def travel(
    session: Session,
    actor: Actor,
    rows: PipelineRows,
    path: Sequence[int],
    *,
    end: VisitOutcome = VisitOutcome.OPEN,
    began: datetime | None = None,
    stay: timedelta = timedelta(hours=5),
    due_in: timedelta | None = timedelta(days=1),
    **columns: Any,
) -> int:
    """Insert a deal that went over the stages of these numbers, and how it ended; return its id.

    An open one stands on the last of them; without `due_in` it has no next step.
    """
    at = began or utc_now() - timedelta(days=20)
    stage_id, status = rows.stages[path[-1]], DealStatus.OPEN
    if end is VisitOutcome.WON:
        stage_id, status = rows.won, DealStatus.WON
    elif end is VisitOutcome.LOST:
        stage_id, status = rows.lost, DealStatus.LOST
        columns = {"loss_reason_id": rows.reasons[0], "loss_stage_id": rows.stages[path[-1]], **columns}
    closed = status is not DealStatus.OPEN
    last_at = at + stay * (len(path) - 1)
    deal = Deal(
        pipeline_id=rows.id,
        stage_id=stage_id,
        status=status,
        owner_id=actor.user_id,
        title="Metal sheet",
        amount_minor=100_000,
        currency="RUB",
        priority=Priority.WARM,
        custom={},
        created_at=at,
        created_channel=actor.channel,
        created_by=actor.user_id,
        closed_at=last_at + stay if closed else None,
        stage_entered_at=last_at + stay if closed else last_at,
        next_due_at=utc_now() + due_in if due_in is not None and not closed else None,
        **columns,
    )
    session.add(deal)
    session.flush()
    seen: set[int] = set()
    for number, place in enumerate(path):
        following = path[number + 1] if number + 1 < len(path) else None
        outcome = end if following is None else VisitOutcome.FORWARD if following > place else VisitOutcome.BACK
        entered = at + stay * number
        next_id = rows.stages[following] if following is not None else stage_id if closed else None
        session.add(
            StageVisit(
                deal_id=deal.id,
                pipeline_id=rows.id,
                stage_id=rows.stages[place],
                owner_id=deal.owner_id,
                entered_at=entered,
                left_at=None if outcome is VisitOutcome.OPEN else entered + stay,
                outcome=outcome,
                next_stage_id=next_id,
                is_first=place not in seen,
                channel=actor.channel,
                actor_id=actor.user_id,
            )
        )
        seen.add(place)
    if deal.next_due_at is not None:
        session.add(
            NextStep(
                deal_id=deal.id,
                kind=StepKind.CALL,
                text="Call",
                due_at=deal.next_due_at,
                owner_id=deal.owner_id,
                created_at=at,
                created_by=actor.user_id,
            )
        )
    session.flush()
    index_records(session, "deal", [deal.id])
    return deal.id


def travel_many(
    session: Session, actor: Actor, rows: PipelineRows, path: Sequence[int], count: int, **how: Any
) -> None:
    """Insert `count` deals as `travel` does."""
    for _number in range(count):
        travel(session, actor, rows, path, **how)


def add_link(session: Session, source: int, target: int, trigger: str = "won", **columns: Any) -> int:
    """Insert a link between two pipelines; return its id."""
    values: Mapping[str, Any] = {
        "kind": "continuation", "owner_rule": "same", "step_kind": "call", "step_text": "Call",
        "step_due_seconds": 86400, "created_at": utc_now(), **columns,
    }  # fmt: skip
    row = PipelineLink(from_pipeline_id=source, to_pipeline_id=target, trigger=trigger, **values)
    session.add(row)
    session.flush()
    return row.id


def stage_names(session: Session, pipeline_id: int) -> list[str]:
    """Return the names of the working stages in order."""
    query = select(Stage.name).where(Stage.pipeline_id == pipeline_id, Stage.kind == "open", Stage.retired_at.is_(None))
    return list(session.scalars(query.order_by(Stage.position)))
