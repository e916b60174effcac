"""Next steps: planned, done with a result, postponed; an open deal is never left without one."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Select, exists, select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.actors import load_actor
from crm.auth.permissions import Action, require
from crm.auth.visibility import deal_visible
from crm.clock import utc_now
from crm.deals.locking import lock_deal
from crm.deals.values import StepDone, StepPlan
from crm.errors import ChangedMeanwhile, NotFound, Violation, refuse_if_any
from crm.events import record
from crm.models import Channel, Deal, DealStatus, NextStep, StepResult
from crm.pipelines.stage_rules import OpenStep
from crm.typed_text import clean_block, clean_line, line_violations

TEXT_LIMIT = 500
RESULT_LIMIT = 5000
FARTHEST = timedelta(days=731)


def plan_next_step(session: Session, actor: Actor, *, deal_id: int, plan: StepPlan) -> int:
    """Add a step to an open deal and return its id.

    Errors: NotFound; InvalidInput (step in the past, too far, closed deal, unknown owner).
    """
    require(actor, Action.WORK_DEALS)
    deal = lock_deal(session, actor, deal_id)
    now = utc_now()
    found = plan_violations(session, plan, now, deal.owner_id)
    if deal.status is not DealStatus.OPEN:
        found.append(Violation("deal_closed", "next_step"))
    refuse_if_any(found)
    step_id = add_step(session, actor, deal, plan, now)
    refresh_next_due(session, deal)
    return step_id


def complete_next_step(
    session: Session, actor: Actor, *, step_id: int, done: StepDone, following: StepPlan | None = None
) -> int | None:
    """Close a step with its result and plan the one that follows; return the new step's id, None without one.

    Errors: NotFound; InvalidInput: closed already, or the last step of an open deal without a following one.
    """
    require(actor, Action.WORK_DEALS)
    step, deal = _take_step(session, actor, step_id)
    now = utc_now()
    found = plan_violations(session, following, now, deal.owner_id) if following else []
    found += line_violations(done.text.replace("\n", " "), "result", RESULT_LIMIT)
    if step.done_at is not None:
        found.append(Violation("step_closed", "next_step"))
    elif following is None and deal.status is DealStatus.OPEN and not _has_other_open_step(session, step):
        found.append(Violation("step_is_last", "next_step"))
    refuse_if_any(found)
    close_step(session, actor, step, done, now)
    new_id = add_step(session, actor, deal, following, now) if following else None
    refresh_next_due(session, deal)
    return new_id


def postpone_next_step(
    session: Session, actor: Actor, *, step_id: int, due_at: datetime, expected_version: int | None = None
) -> None:
    """Give an open step a later or earlier date in the future.

    Errors: NotFound; ChangedMeanwhile; InvalidInput.
    """
    require(actor, Action.WORK_DEALS)
    step, deal = _take_step(session, actor, step_id)
    if expected_version is not None and step.version != expected_version:
        raise ChangedMeanwhile(entity="next_step", id=step_id, version=step.version)
    found = _due_violations(due_at, utc_now())
    if step.done_at is not None:
        found.append(Violation("step_closed", "next_step"))
    refuse_if_any(found)
    before, step.due_at = step.due_at, due_at
    step.version += 1
    record(
        session,
        actor,
        "next_step.postponed",
        "next_step",
        step.id,
        deal_id=deal.id,
        before=int(before.timestamp()),
        after=int(due_at.timestamp()),
        step_kind=step.kind.value,
    )
    refresh_next_due(session, deal)


def plan_violations(session: Session, plan: StepPlan, now: datetime, deal_owner_id: int | None) -> list[Violation]:
    """Return what is wrong with a planned step by itself; it belongs to somebody active who sees the deal."""
    found = _due_violations(plan.due_at, now)
    found += line_violations(plan.text, "next_step", TEXT_LIMIT)
    if plan.owner_id is not None and not _can_take(session, plan.owner_id, deal_owner_id):
        found.append(Violation("choice_unknown", "next_step_owner"))
    return found


def add_step(session: Session, actor: Actor, deal: Deal, plan: StepPlan, now: datetime) -> int:
    """Insert a checked step; the caller refreshes the deal's nearest date."""
    step = NextStep(
        deal_id=deal.id,
        kind=plan.kind,
        text=clean_line(plan.text),
        due_at=plan.due_at,
        owner_id=plan.owner_id or deal.owner_id,
        created_at=now,
        created_by=actor.user_id,
    )
    session.add(step)
    session.flush()
    record(
        session,
        actor,
        "next_step.planned",
        "next_step",
        step.id,
        deal_id=deal.id,
        at=now,
        step_kind=plan.kind.value,
        text=step.text,
        due_at=int(plan.due_at.timestamp()),
    )
    return step.id


def close_step(session: Session, actor: Actor, step: NextStep, done: StepDone, now: datetime) -> None:
    """Write a step's result; the caller refreshes the deal's nearest date."""
    step.done_at, step.done_by = now, actor.user_id
    step.result, step.result_text = done.result, clean_block(done.text) or None
    step.version += 1
    record(
        session,
        actor,
        "next_step.done",
        "next_step",
        step.id,
        deal_id=step.deal_id,
        at=now,
        step_kind=step.kind.value,
        result=done.result.value,
        text=step.result_text,
    )
    session.flush()


def close_due_steps(session: Session, actor: Actor, deal_id: int, done: StepDone, now: datetime) -> None:
    """Write one result on the open steps that were due by now; the caller refreshes the deal's nearest date."""
    for step in session.scalars(_open_steps(deal_id).where(NextStep.due_at <= now).order_by(NextStep.due_at)):
        close_step(session, actor, step, done, now)


def cancel_open_steps(session: Session, actor: Actor, deal: Deal, now: datetime) -> None:
    """Close what was planned on a deal that has ended."""
    for step in session.scalars(_open_steps(deal.id)):
        close_step(session, actor, step, StepDone(StepResult.CANCELLED), now)
    deal.next_due_at = None


def open_steps(session: Session, deal_id: int) -> tuple[OpenStep, ...]:
    """Return kind and date of a deal's open steps."""
    return tuple(OpenStep(step.kind, step.due_at) for step in session.scalars(_open_steps(deal_id)))


def refresh_next_due(session: Session, deal: Deal) -> None:
    """Mirror the nearest open step on the deal, for board and my day."""
    session.flush()
    deal.next_due_at = min((step.due_at for step in open_steps(session, deal.id)), default=None)
    session.flush()


def _take_step(session: Session, actor: Actor, step_id: int) -> tuple[NextStep, Deal]:
    query = select(NextStep.deal_id).join(Deal, Deal.id == NextStep.deal_id)
    deal_id = session.scalar(query.where(NextStep.id == step_id, deal_visible(actor)))
    if deal_id is None:
        raise NotFound(entity="next_step", id=step_id)
    # The deal's row is the lock: two results for one step queue behind each other.
    deal = lock_deal(session, actor, deal_id)
    step = session.get(NextStep, step_id, populate_existing=True)
    if step is None:
        raise NotFound(entity="next_step", id=step_id)
    return step, deal


def _open_steps(deal_id: int) -> Select[NextStep]:
    return select(NextStep).where(NextStep.deal_id == deal_id, NextStep.done_at.is_(None))


def _has_other_open_step(session: Session, step: NextStep) -> bool:
    others = exists().where(NextStep.deal_id == step.deal_id, NextStep.done_at.is_(None), NextStep.id != step.id)
    return bool(session.scalar(select(others)))


def _due_violations(due_at: datetime, now: datetime) -> list[Violation]:
    if due_at <= now:
        return [Violation("next_step_past", "next_step")]
    return [Violation("next_step_too_far", "next_step")] if due_at > now + FARTHEST else []


def _can_take(session: Session, user_id: int, deal_owner_id: int | None) -> bool:
    try:
        somebody = load_actor(session, user_id, Channel.SYSTEM)
    except NotFound:
        return False
    return deal_owner_id is None or somebody.sees_owner(deal_owner_id)
