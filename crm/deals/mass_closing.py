"""Closing every open deal of a stage as lost at once: what `lose_deal` does for one, in a few statements for all."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, exists, func, insert, literal, select, update
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.db.types import UtcDateTime
from crm.deals.link_conditions import conditions_hold_by, own_value
from crm.deals.mass_events import end_of_visit, end_open_visits, record_for_deals, record_for_rows
from crm.deals.retracing import retrace_many
from crm.models import (
    Deal,
    DealContact,
    DealStatus,
    Event,
    LinkRun,
    LinkRunStatus,
    LinkTrigger,
    NextStep,
    Objection,
    ObjectionOutcome,
    StageVisit,
    StepKind,
    StepResult,
    User,
    VisitOutcome,
)
from crm.pipelines.link_values import LinkInfo
from crm.pipelines.links import links_set_off
from crm.pipelines.values import LossReasonInfo, PipelineInfo, StageInfo

_IDS_AT_ONCE = 10_000  # a statement of PostgreSQL takes 65,535 values


def close_stage_as_lost(
    session: Session,
    actor: Actor,
    *,
    pipeline: PipelineInfo,
    stage: StageInfo,
    reason: LossReasonInfo,
    note: str,
    now: datetime,
) -> int:
    """Close every open deal on a stage for a reason; return how many. The pipeline is locked, role and note checked.

    Links set off by a loss wait for their day at once; those without a delay are due as soon as this is committed.
    """
    lost = pipeline.lost_stage
    here = (Deal.stage_id == stage.id, Deal.status == DealStatus.OPEN)
    closed = _lock(session, here)
    if not closed:
        return 0
    if reason.counts_as_loss:  # spam, duplicates and tests lead nowhere
        _wait_for_links(session, pipeline, reason, here, now)
    _cancel_steps(session, actor, here, now)
    _settle_objections(session, actor, here, now)
    details = {
        "from_stage": stage.name, "to_stage": lost.name, "from_stage_id": stage.id, "to_stage_id": lost.id,
        "reason": reason.name, "note": note or None,
    }  # fmt: skip
    record_for_deals(session, actor, "deal.lost", details, here, now)
    session.execute(
        update(Deal)
        .where(*here, StageVisit.deal_id == Deal.id, StageVisit.left_at.is_(None))
        .values(
            stage_id=lost.id,
            status=DealStatus.LOST,
            stage_entered_at=end_of_visit(now),
            closed_at=end_of_visit(now),
            loss_reason_id=reason.id,
            loss_note=note or None,
            loss_stage_id=stage.id,
            next_due_at=None,
            version=Deal.version + 1,
        )
        .execution_options(synchronize_session=False)
    )
    end_open_visits(session, stage.id, lost.id, VisitOutcome.LOST, now)
    session.expire_all()
    retrace_many(session, actor, closed, pipeline.id)
    return len(closed)


def _lock(session: Session, here: tuple[ColumnElement[bool], ...]) -> list[int]:
    # An objection or a step that a colleague writes now comes before, or after on a deal that is closed.
    session.flush()
    held = select(Deal.id).where(*here).order_by(Deal.id).with_for_update(key_share=True)
    return list(session.scalars(held))


def _wait_for_links(
    session: Session,
    pipeline: PipelineInfo,
    reason: LossReasonInfo,
    here: tuple[ColumnElement[bool], ...],
    now: datetime,
) -> None:
    for link in links_set_off(session, pipeline.id, LinkTrigger.LOST, pipeline.lost_stage.id):
        if not link.plan.conditions:
            session.execute(_waiting_runs(link, here, now))
            continue
        ids = _meeting(session, link, reason, here)
        for start in range(0, len(ids), _IDS_AT_ONCE):
            some = Deal.id.in_(ids[start : start + _IDS_AT_ONCE])
            session.execute(_waiting_runs(link, (*here, some), now))


def _meeting(
    session: Session, link: LinkInfo, reason: LossReasonInfo, here: tuple[ColumnElement[bool], ...]
) -> list[int]:
    """Return the ids of deals that meet the link's conditions once they are lost for the reason."""
    has_contact = exists().where(DealContact.deal_id == Deal.id)
    query = select(Deal, User.team_id, has_contact).join(User, User.id == Deal.owner_id).where(*here)
    found = []
    for deal, team_id, with_contact in session.execute(query.order_by(Deal.id).execution_options(yield_per=1000)):
        known = {"loss_reason": reason.id, "team": team_id, "contact": with_contact or None}

        def value_of(field: str, deal: Deal = deal, known: dict[str, int | None] = known) -> Any:
            return known[field] if field in known else own_value(deal, field)

        if conditions_hold_by(value_of, link.plan.conditions):
            found.append(deal.id)
    return found


def _waiting_runs(link: LinkInfo, among: tuple[ColumnElement[bool], ...], now: datetime) -> Any:
    # Nobody looks each client's last round up: all rest for the link's whole pause.
    due_at = now + timedelta(seconds=max(link.plan.delay_seconds, link.plan.cooldown_seconds))
    newest = select(func.max(StageVisit.id)).where(StageVisit.deal_id == Deal.id).scalar_subquery()
    return insert(LinkRun).from_select(
        ["link_id", "deal_id", "visit_id", "status", "due_at", "created_at"],
        select(
            literal(link.id, BigInteger()), Deal.id, newest, literal(LinkRunStatus.WAITING.value),
            literal(due_at, UtcDateTime()), literal(now, UtcDateTime()),
        ).where(*among),
    )  # fmt: skip


def _cancel_steps(session: Session, actor: Actor, here: tuple[ColumnElement[bool], ...], now: datetime) -> None:
    planned = (NextStep.done_at.is_(None), NextStep.deal_id.in_(select(Deal.id).where(*here)))
    for kind in StepKind:
        details = {"step_kind": kind.value, "result": StepResult.CANCELLED.value, "text": None}
        keys, which = (NextStep.id, NextStep.deal_id), (*planned, NextStep.kind == kind)
        record_for_rows(session, actor, "next_step.done", "next_step", keys, details, which, now)
    session.execute(
        update(NextStep)
        .where(*planned)
        .values(done_at=now, done_by=actor.user_id, result=StepResult.CANCELLED, version=NextStep.version + 1)
        .execution_options(synchronize_session=False)
    )


def _settle_objections(session: Session, actor: Actor, here: tuple[ColumnElement[bool], ...], now: datetime) -> None:
    outcome = ObjectionOutcome.NOT_OVERCOME
    unsettled = (Objection.outcome == ObjectionOutcome.OPEN, Objection.deal_id.in_(select(Deal.id).where(*here)))
    query = select(Objection.id, Objection.deal_id, Objection.text).where(*unsettled).order_by(Objection.id)
    for some in session.execute(query.execution_options(yield_per=1000)).partitions():
        session.execute(
            insert(Event),
            [
                {
                    "at": now, "kind": "objection.settled", "entity": "objection", "entity_id": row.id,
                    "deal_id": row.deal_id, "actor_id": actor.user_id, "channel": actor.channel,
                    "details": {
                        "text": row.text, "outcome": outcome.value,
                        "changes": {"outcome": [ObjectionOutcome.OPEN.value, outcome.value]},
                    },
                }
                for row in some
            ],
        )  # fmt: skip
    session.execute(
        update(Objection)
        .where(*unsettled)
        .values(outcome=outcome, resolved_at=now, version=Objection.version + 1)
        .execution_options(synchronize_session=False)
    )
