"""Moving deals along their pipeline and closing them; every move is judged by `check_move`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.permissions import Action, require
from crm.auth.visibility import deal_visible
from crm.clock import utc_now
from crm.deals.editing import apply_changes, present_keys
from crm.deals.fields import keys_after, value_violations
from crm.deals.locking import take_deal
from crm.deals.next_steps import add_step, cancel_open_steps, open_step_dues, plan_violations, refresh_next_due
from crm.deals.values import NO_CHANGES, DealChanges, LossAnswer, StepPlan
from crm.deals.visits import close_visit, open_visit
from crm.errors import DealMovedMeanwhile, NotFound, StageRulesBroken, Violation
from crm.events import record
from crm.models import Deal, DealStatus, VisitOutcome
from crm.models.codes import StageKind
from crm.pipelines.reads import load_pipeline
from crm.pipelines.stage_rules import MoveFacts, check_move
from crm.pipelines.values import PipelineInfo, StageInfo
from crm.typed_text import clean_block, line_violations

NOTE_LIMIT = 5000
_ENDS = {StageKind.WON: DealStatus.WON, StageKind.LOST: DealStatus.LOST}
_OUTCOMES = {
    StageKind.OPEN: VisitOutcome.FORWARD,
    StageKind.WON: VisitOutcome.WON,
    StageKind.LOST: VisitOutcome.LOST,
}


@dataclass(frozen=True, slots=True)
class Move:
    """A wish to move: where to, from which state, and what is saved in the same act."""

    to_stage_id: int
    expected_version: int | None = None
    expected_stage_id: int | None = None
    changes: DealChanges = NO_CHANGES
    next_step: StepPlan | None = None
    loss: LossAnswer | None = None


def move_deal(session: Session, actor: Actor, *, deal_id: int, move: Move) -> int:
    """Save what is given and move the deal, all or nothing; return its new version.

    Errors: NotFound; DealMovedMeanwhile when the deal isn't where the actor saw it; StageRulesBroken with every
    violation; InvalidInput never: wrong values are violations of the move.
    """
    require(actor, Action.WORK_DEALS)
    deal = take_deal(session, actor, deal_id, move.expected_version)
    if move.expected_stage_id is not None and deal.stage_id != move.expected_stage_id:
        raise DealMovedMeanwhile(deal_id=deal_id)
    pipeline = load_pipeline(session, deal.pipeline_id)
    now = utc_now()
    wrong = _value_violations(session, actor, deal, pipeline, move, now)
    if wrong:
        raise StageRulesBroken([*wrong, *_also_broken(session, actor, deal, pipeline, move, wrong, now)])
    changed = apply_changes(session, actor, deal, pipeline, move.changes)
    facts = _facts(session, actor, deal, pipeline, move, now)
    broken = check_move(facts)
    if broken:
        raise StageRulesBroken(broken)
    if changed:
        record(session, actor, "deal.edited", "deal", deal.id, at=now, changes=changed)
    _enter(session, actor, deal, facts, move, now)
    return deal.version


def lose_deal(session: Session, actor: Actor, *, deal_id: int, move: Move) -> int:
    """Close a deal as lost; `move.to_stage_id` is ignored.

    Errors: as `move_deal`.
    """
    return move_deal(session, actor, deal_id=deal_id, move=_aimed(session, actor, deal_id, move, StageKind.LOST))


def win_deal(session: Session, actor: Actor, *, deal_id: int, move: Move) -> int:
    """Close a deal as won; `move.to_stage_id` is ignored.

    Errors: as `move_deal`.
    """
    return move_deal(session, actor, deal_id=deal_id, move=_aimed(session, actor, deal_id, move, StageKind.WON))


def check_deal_move(session: Session, actor: Actor, *, deal_id: int, to_stage_id: int) -> list[Violation]:
    """Return what a move would lack as the deal is now, so that a dialog can ask for just that.

    Errors: NotFound.
    """
    deal = session.scalars(select(Deal).where(Deal.id == deal_id, deal_visible(actor))).one_or_none()
    if deal is None:
        raise NotFound(entity="deal", id=deal_id)
    pipeline = load_pipeline(session, deal.pipeline_id)
    return check_move(_facts(session, actor, deal, pipeline, Move(to_stage_id), utc_now()))


def _value_violations(
    session: Session, actor: Actor, deal: Deal, pipeline: PipelineInfo, move: Move, now: datetime
) -> list[Violation]:
    found = value_violations(session, actor, move.changes.given(), pipeline.fields, deal.custom)
    if move.next_step is not None:
        found += plan_violations(session, move.next_step, now, deal.owner_id)
    if move.loss is not None:
        found += line_violations(move.loss.note.replace("\n", " "), "loss_note", NOTE_LIMIT)
    return found


def _also_broken(
    session: Session,
    actor: Actor,
    deal: Deal,
    pipeline: PipelineInfo,
    move: Move,
    wrong: list[Violation],
    now: datetime,
) -> list[Violation]:
    # Wrong values are never written, so the rules judge what the deal would be; a wrong field is told once.
    told = {one.field for one in wrong}
    facts = _facts(session, actor, deal, pipeline, move, now)
    amount = deal.amount_minor if "amount" in told else move.changes.given().get("amount_minor", deal.amount_minor)
    facts = replace(facts, filled=keys_after(facts.filled, move.changes), amount_minor=amount)
    return [one for one in check_move(facts) if one.field not in told]


def _facts(session: Session, actor: Actor, deal: Deal, pipeline: PipelineInfo, move: Move, now: datetime) -> MoveFacts:
    from_stage = pipeline.stage(deal.stage_id)
    if from_stage is None:
        raise LookupError(f"deal {deal.id} stands outside its pipeline")
    planned = (move.next_step.due_at,) if move.next_step else ()
    return MoveFacts(
        actor=actor,
        pipeline=pipeline,
        status=deal.status,
        from_stage=from_stage,
        to_stage=pipeline.stage(move.to_stage_id),
        filled=present_keys(session, deal),
        amount_minor=deal.amount_minor,
        open_step_dues=open_step_dues(session, deal.id) + planned,
        loss_reason_id=move.loss.reason_id if move.loss else None,
        loss_note=move.loss.note if move.loss else None,
        now=now,
    )


def _enter(session: Session, actor: Actor, deal: Deal, facts: MoveFacts, move: Move, now: datetime) -> None:
    target = facts.target
    at = close_visit(session, deal, now, _OUTCOMES[target.kind], target.id)
    deal.stage_id, deal.stage_entered_at = target.id, at
    if target.kind is StageKind.OPEN:
        open_visit(session, actor, deal, at)
        if move.next_step is not None:
            add_step(session, actor, deal, move.next_step, now)
        refresh_next_due(session, deal)
    else:
        _close(session, actor, deal, facts, move, at)
    record(
        session, actor, f"deal.{_VERBS[target.kind]}", "deal", deal.id, at=now,
        from_stage=facts.from_stage.name, to_stage=target.name, from_stage_id=facts.from_stage.id,
        to_stage_id=target.id, **_loss_details(facts, deal, target),
    )  # fmt: skip


_VERBS = {StageKind.OPEN: "moved", StageKind.WON: "won", StageKind.LOST: "lost"}


def _close(session: Session, actor: Actor, deal: Deal, facts: MoveFacts, move: Move, now: datetime) -> None:
    deal.status, deal.closed_at = _ENDS[facts.target.kind], now
    if deal.status is DealStatus.LOST and move.loss is not None:
        deal.loss_reason_id = move.loss.reason_id
        deal.loss_note = clean_block(move.loss.note) or None
        deal.loss_stage_id = facts.from_stage.id
    cancel_open_steps(session, actor, deal, now)
    session.flush()


def _loss_details(facts: MoveFacts, deal: Deal, target: StageInfo) -> dict[str, Any]:
    if target.kind is not StageKind.LOST:
        return {}
    names = {reason.id: reason.name for reason in facts.pipeline.loss_reasons}
    return {"reason": names.get(deal.loss_reason_id or 0), "note": deal.loss_note}


def _aimed(session: Session, actor: Actor, deal_id: int, move: Move, kind: StageKind) -> Move:
    query = select(Deal.pipeline_id).where(Deal.id == deal_id, deal_visible(actor))
    pipeline_id = session.scalar(query)
    if pipeline_id is None:
        raise NotFound(entity="deal", id=deal_id)
    pipeline = load_pipeline(session, pipeline_id)
    stage = pipeline.won_stage if kind is StageKind.WON else pipeline.lost_stage
    return Move(stage.id, move.expected_version, move.expected_stage_id, move.changes, move.next_step, move.loss)
