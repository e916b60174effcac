"""Moving deals along their pipeline and closing them; every move is judged by `check_move`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.merged import not_found
from crm.auth.permissions import Action, may, require
from crm.auth.visibility import deal_visible
from crm.clock import utc_now
from crm.deals.auto_deals import fire_links
from crm.deals.editing import apply_changes, present_keys
from crm.deals.entering import enter_stage
from crm.deals.fields import keys_after, value_violations
from crm.deals.locking import hold_linked_pipelines, take_deal
from crm.deals.next_steps import RESULT_LIMIT, close_due_steps, open_steps, plan_violations
from crm.deals.overrides import REASON_LIMIT, record_override, standing_violations
from crm.deals.values import NO_CHANGES, DealChanges, LossAnswer, StepDone, StepPlan
from crm.errors import DealMovedMeanwhile, StageRulesBroken, Violation
from crm.events import record
from crm.models import Deal
from crm.models.codes import LinkTrigger, StageKind
from crm.pipelines.reads import load_pipeline
from crm.pipelines.stage_rules import MoveFacts, OpenStep, check_move
from crm.pipelines.values import PipelineInfo
from crm.typed_text import block_violations

NOTE_LIMIT = 5000
_TRIGGERS = {
    StageKind.OPEN: LinkTrigger.STAGE,
    StageKind.WON: LinkTrigger.WON,
    StageKind.LOST: LinkTrigger.LOST,
}


@dataclass(frozen=True, slots=True)
class Move:
    """A wish to move: where to, from which state, what is saved in the same act, and why rules may be passed.

    `due_done` is how the steps ended that were due by now; without it they stay open.
    """

    to_stage_id: int
    expected_version: int | None = None
    expected_stage_id: int | None = None
    changes: DealChanges = NO_CHANGES
    next_step: StepPlan | None = None
    due_done: StepDone | None = None
    loss: LossAnswer | None = None
    override_reason: str | None = None


def move_deal(session: Session, actor: Actor, *, deal_id: int, move: Move) -> int:
    """Save what is given and move the deal, all or nothing; return its new version.

    A head's reason passes the rules that may be passed, and takes a closed deal up again.
    Errors: NotFound; DealMovedMeanwhile when the deal isn't where the actor saw it; StageRulesBroken with every
    violation; InvalidInput never: wrong values are violations of the move.
    """
    require(actor, Action.WORK_DEALS)
    hold_linked_pipelines(session, deal_id)
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
    standing = standing_violations(facts, broken, move.override_reason)
    if standing:
        raise StageRulesBroken(standing)
    if changed:
        record(session, actor, "deal.edited", "deal", deal.id, at=now, changes=changed)
    if move.due_done is not None:
        close_due_steps(session, actor, deal.id, move.due_done, now)
    visit_id = enter_stage(session, actor, deal, facts, step=move.next_step, loss=move.loss, now=now)
    if broken and move.override_reason is not None:
        record_override(
            session, actor, deal, facts=facts, visit_id=visit_id, passed=broken, reason=move.override_reason, now=now
        )
    fire_links(session, actor, deal, _TRIGGERS[facts.target.kind])
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
        raise not_found(session, actor, "deal", deal_id)
    pipeline = load_pipeline(session, deal.pipeline_id)
    facts = _facts(session, actor, deal, pipeline, Move(to_stage_id), utc_now())
    return check_move(replace(facts, is_insisted=may(actor, Action.OVERRIDE_RULES)))


def _value_violations(
    session: Session, actor: Actor, deal: Deal, pipeline: PipelineInfo, move: Move, now: datetime
) -> list[Violation]:
    found = value_violations(session, actor, move.changes.given(), pipeline.fields, deal.custom)
    if move.next_step is not None:
        found += plan_violations(session, move.next_step, now, deal.owner_id)
    if move.due_done is not None:
        found += block_violations(move.due_done.text, "result", RESULT_LIMIT)
    if move.loss is not None:
        found += block_violations(move.loss.note, "loss_note", NOTE_LIMIT)
    if move.override_reason is not None:
        found += block_violations(move.override_reason, "override_reason", REASON_LIMIT)
    return found + _misplaced(pipeline, move)


def _misplaced(pipeline: PipelineInfo, move: Move) -> list[Violation]:
    # What the target has no use for is refused and not forgotten: somebody meant it.
    target = pipeline.stage(move.to_stage_id)
    if target is None:
        return []
    found = []
    if move.next_step is not None and target.kind is not StageKind.OPEN:
        found.append(Violation("next_step_after_end", "next_step"))
    if move.loss is not None and target.kind is not StageKind.LOST:
        found.append(Violation("loss_reason_without_loss", "loss_reason"))
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
    standing = standing_violations(facts, check_move(facts), move.override_reason)
    return [one for one in standing if one.field not in told]


def _facts(session: Session, actor: Actor, deal: Deal, pipeline: PipelineInfo, move: Move, now: datetime) -> MoveFacts:
    from_stage = pipeline.stage(deal.stage_id)
    if from_stage is None:
        raise LookupError(f"deal {deal.id} stands outside its pipeline")
    planned = (OpenStep(move.next_step.kind, move.next_step.due_at),) if move.next_step else ()
    return MoveFacts(
        actor=actor,
        pipeline=pipeline,
        status=deal.status,
        from_stage=from_stage,
        to_stage=pipeline.stage(move.to_stage_id),
        filled=present_keys(session, deal),
        amount_minor=deal.amount_minor,
        open_steps=open_steps(session, deal.id) + planned,
        loss_reason_id=move.loss.reason_id if move.loss else None,
        loss_note=move.loss.note if move.loss else None,
        now=now,
        is_insisted=move.override_reason is not None and may(actor, Action.OVERRIDE_RULES),
    )


def _aimed(session: Session, actor: Actor, deal_id: int, move: Move, kind: StageKind) -> Move:
    query = select(Deal.pipeline_id).where(Deal.id == deal_id, deal_visible(actor))
    pipeline_id = session.scalar(query)
    if pipeline_id is None:
        raise not_found(session, actor, "deal", deal_id)
    pipeline = load_pipeline(session, pipeline_id)
    stage = pipeline.won_stage if kind is StageKind.WON else pipeline.lost_stage
    return replace(move, to_stage_id=stage.id)
