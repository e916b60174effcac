"""Closing every open deal of a stage as lost at once: what `lose_deal` does for one, in a few statements for all."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, exists, func, insert, literal, select, update
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.db.types import UtcDateTime
from crm.deals.link_conditions import conditions_hold
from crm.deals.mass_events import end_open_visits, record_for_deals
from crm.deals.objections import settle_at_close
from crm.models import (
    Deal,
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
    count = session.scalar(select(func.count()).select_from(Deal).where(*here)) or 0
    if not count:
        return 0
    if reason.counts_as_loss:  # spam, duplicates and tests lead nowhere
        _wait_for_links(session, pipeline, lost, here, now)
    _cancel_steps(session, actor, here, now)
    details = {
        "from_stage": stage.name, "to_stage": lost.name, "from_stage_id": stage.id, "to_stage_id": lost.id,
        "reason": reason.name, "note": note or None,
    }  # fmt: skip
    record_for_deals(session, actor, "deal.lost", details, here, now)
    end_open_visits(session, stage.id, lost.id, VisitOutcome.LOST, now)
    left_at = select(func.max(StageVisit.left_at)).where(StageVisit.deal_id == Deal.id).scalar_subquery()
    session.execute(
        update(Deal)
        .where(*here)
        .values(
            stage_id=lost.id,
            status=DealStatus.LOST,
            stage_entered_at=left_at,
            closed_at=left_at,
            loss_reason_id=reason.id,
            loss_note=note or None,
            loss_stage_id=stage.id,
            next_due_at=None,
            version=Deal.version + 1,
        )
        .execution_options(synchronize_session=False)
    )
    session.expire_all()
    _settle_objections(session, actor, stage, lost, now)
    return count


def _wait_for_links(
    session: Session, pipeline: PipelineInfo, lost: StageInfo, here: tuple[ColumnElement[bool], ...], now: datetime
) -> None:
    for link in links_set_off(session, pipeline.id, LinkTrigger.LOST, lost.id):
        if not link.plan.conditions:
            session.execute(_waiting_runs(link, here, now))
            continue
        deals = session.scalars(select(Deal).where(*here).order_by(Deal.id).execution_options(yield_per=1000))
        ids = [deal.id for deal in deals if conditions_hold(session, deal, link.plan.conditions)]
        for start in range(0, len(ids), _IDS_AT_ONCE):
            some = Deal.id.in_(ids[start : start + _IDS_AT_ONCE])
            session.execute(_waiting_runs(link, (*here, some), now))


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
        session.execute(
            insert(Event).from_select(
                ["at", "kind", "entity", "entity_id", "deal_id", "actor_id", "channel", "details"],
                select(
                    literal(now, UtcDateTime()), literal("next_step.done"), literal("next_step"), NextStep.id,
                    NextStep.deal_id, literal(actor.user_id, BigInteger()), literal(actor.channel.value),
                    literal(details, Event.details.type),
                ).where(*planned, NextStep.kind == kind),
            )
        )  # fmt: skip
    session.execute(
        update(NextStep)
        .where(*planned)
        .values(done_at=now, done_by=actor.user_id, result=StepResult.CANCELLED, version=NextStep.version + 1)
        .execution_options(synchronize_session=False)
    )


def _settle_objections(session: Session, actor: Actor, stage: StageInfo, lost: StageInfo, now: datetime) -> None:
    unsettled = exists().where(Objection.deal_id == Deal.id, Objection.outcome == ObjectionOutcome.OPEN)
    closed = (Deal.stage_id == lost.id, Deal.loss_stage_id == stage.id, unsettled)
    for deal in session.scalars(select(Deal).where(*closed).order_by(Deal.id)).all():
        settle_at_close(session, actor, deal, now)
    session.flush()
