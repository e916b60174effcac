"""Carrying a judged move out: the stay that ends, the one that begins, what closing and taking up again change."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.deals.auto_deals import skip_run
from crm.deals.next_steps import add_step, cancel_open_steps, refresh_next_due
from crm.deals.objections import settle_at_close
from crm.deals.paths import retrace_deals
from crm.deals.values import LossAnswer, StepPlan
from crm.deals.visits import close_visit, open_visit
from crm.events import record
from crm.models import Deal, DealStatus, LinkRun, LinkRunStatus, LinkTrigger, StageVisit, VisitOutcome
from crm.models.codes import StageKind
from crm.pipelines.links import load_link
from crm.pipelines.stage_rules import MoveFacts
from crm.typed_text import clean_block

_ENDS = {StageKind.WON: DealStatus.WON, StageKind.LOST: DealStatus.LOST}
_VERBS = {StageKind.OPEN: "moved", StageKind.WON: "won", StageKind.LOST: "lost"}


def enter_stage(
    session: Session,
    actor: Actor,
    deal: Deal,
    facts: MoveFacts,
    *,
    step: StepPlan | None,
    loss: LossAnswer | None,
    now: datetime,
) -> int:
    """Put the deal on the target stage and return the id of the stay that ended, the last one of a closed deal."""
    target = facts.target
    verb, lost_for = _VERBS[target.kind], _reason_name(facts, deal)
    if facts.is_closed:
        ended, at, verb = *_taken_up(session, deal, now), "reopened"
    else:
        visit = close_visit(session, deal, now, _outcome(facts), target.id)
        ended, at = visit.id, visit.left_at or now
    deal.stage_id, deal.stage_entered_at = target.id, at
    if target.kind is StageKind.OPEN:
        open_visit(session, actor, deal, at)
        if step is not None:
            add_step(session, actor, deal, step, now)
        refresh_next_due(session, deal)
    else:
        _close(session, actor, deal, facts, loss, at)
    retrace_deals(session, [deal.id])
    details: dict[str, Any] = {"lost_for": lost_for} if lost_for else {}
    if target.kind is StageKind.LOST:
        details = {"reason": _reason_name(facts, deal), "note": deal.loss_note}
    record(
        session, actor, f"deal.{verb}", "deal", deal.id, at=now, from_stage=facts.from_stage.name,
        to_stage=target.name, from_stage_id=facts.from_stage.id, to_stage_id=target.id, **details,
    )  # fmt: skip
    if facts.is_closed:
        _call_returns_off(session, actor, deal, now)
    return ended


def _outcome(facts: MoveFacts) -> VisitOutcome:
    if facts.target.kind is StageKind.LOST:
        return VisitOutcome.LOST
    if facts.target.kind is StageKind.WON:
        return VisitOutcome.WON
    return VisitOutcome.FORWARD if facts.goes_on else VisitOutcome.BACK


def _taken_up(session: Session, deal: Deal, now: datetime) -> tuple[int, datetime]:
    """Make a closed deal an open one; return its last stay and the moment from which it is worked again."""
    query = select(StageVisit).where(StageVisit.deal_id == deal.id)
    last = session.scalars(query.order_by(StageVisit.entered_at.desc(), StageVisit.id.desc()).limit(1)).one()
    deal.status, deal.closed_at = DealStatus.OPEN, None
    deal.loss_reason_id = deal.loss_note = deal.loss_stage_id = None
    return last.id, max(now, last.left_at or now)


def _call_returns_off(session: Session, actor: Actor, deal: Deal, now: datetime) -> None:
    # What the win or loss was to bring; the link of a stage goes on.
    waiting = (LinkRun.deal_id == deal.id, LinkRun.status == LinkRunStatus.WAITING)
    query = select(LinkRun).where(*waiting).order_by(LinkRun.id)
    for run in session.scalars(query.with_for_update().execution_options(populate_existing=True)).all():
        link = load_link(session, run.link_id)
        if link.plan.trigger is not LinkTrigger.STAGE:
            skip_run(session, actor, link, run, "deal_taken_up", now)


def _close(
    session: Session, actor: Actor, deal: Deal, facts: MoveFacts, loss: LossAnswer | None, now: datetime
) -> None:
    deal.status, deal.closed_at = _ENDS[facts.target.kind], now
    if deal.status is DealStatus.LOST and loss is not None:
        deal.loss_reason_id = loss.reason_id
        deal.loss_note = clean_block(loss.note) or None
        deal.loss_stage_id = facts.from_stage.id
    cancel_open_steps(session, actor, deal, now)
    settle_at_close(session, actor, deal, now)
    session.flush()


def _reason_name(facts: MoveFacts, deal: Deal) -> str | None:
    names = {reason.id: reason.name for reason in facts.pipeline.loss_reasons}
    return names.get(deal.loss_reason_id or 0)
