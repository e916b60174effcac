"""Creating, editing and handing over deals."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, select, update
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.permissions import Action, require
from crm.auth.visibility import deal_visible
from crm.clock import utc_now
from crm.contacts.search_index import index_records
from crm.deals.auto_deals import fire_links
from crm.deals.creation import creation_violations
from crm.deals.editing import apply_changes, emptied_required, present_keys
from crm.deals.fields import keys_after, value_violations
from crm.deals.locking import hold_reached_pipelines, take_deal
from crm.deals.next_steps import add_step, open_steps, plan_violations, refresh_next_due
from crm.deals.paths import retrace_deals
from crm.deals.values import UNSET, DealChanges, StepPlan
from crm.deals.visits import close_visit, open_visit
from crm.errors import InvalidInput, Violation, refuse_if_any
from crm.events import record
from crm.models import Deal, DealStatus, LinkTrigger, NextStep, Priority, User, VisitOutcome, Workspace
from crm.pipelines.reads import load_pipeline
from crm.pipelines.stage_rules.step_kind import kind_violations
from crm.pipelines.values import PipelineInfo, StageInfo


@dataclass(frozen=True, slots=True)
class NewDeal:
    """A deal to be created; it starts on the pipeline's first stage unless a stage is named."""

    pipeline_id: int
    changes: DealChanges
    next_step: StepPlan | None
    owner_id: int | None = None
    stage_id: int | None = None
    origin_deal_id: int | None = None


def create_deal(session: Session, actor: Actor, new: NewDeal) -> int:
    """Create an open deal with its first visit and next step; return its id.

    By hand only where the pipeline's policy allows it: its roles, and its first stage or one that accepts new deals.
    Errors: Forbidden; NotFound for an unknown pipeline; InvalidInput with everything that is wrong.
    """
    require(actor, Action.WORK_DEALS)
    hold_reached_pipelines(session, new.pipeline_id)
    pipeline = load_pipeline(session, new.pipeline_id)
    now = utc_now()
    owner_id = new.owner_id if new.owner_id is not None else actor.user_id
    refuse_if_any(_new_deal_violations(session, actor, pipeline, new, owner_id, now))
    stage = pipeline.stage(new.stage_id or 0) or pipeline.open_stages[0]
    deal = _insert(session, actor, pipeline, stage, owner_id or 0, new, now)
    apply_changes(session, actor, deal, pipeline, new.changes)
    record(
        session, actor, "deal.created", "deal", deal.id, at=now, title=deal.title, pipeline=pipeline.name,
        stage_id=stage.id, stage=stage.name,
    )  # fmt: skip
    open_visit(session, actor, deal, now)
    if new.next_step is not None:
        add_step(session, actor, deal, new.next_step, now)
        refresh_next_due(session, deal)
    retrace_deals(session, [deal.id])
    fire_links(session, actor, deal, LinkTrigger.STAGE)
    return deal.id


def edit_deal(
    session: Session,
    actor: Actor,
    *,
    deal_id: int,
    expected_version: int,
    changes: DealChanges,
    next_step: StepPlan | None = None,
) -> int:
    """Save values, with a next step planned in the same act; return the new version.

    An open deal can't be saved without a next step.
    Errors: NotFound; DealMovedMeanwhile; InvalidInput.
    """
    require(actor, Action.WORK_DEALS)
    deal = take_deal(session, actor, deal_id, expected_version)
    pipeline = load_pipeline(session, deal.pipeline_id)
    now = utc_now()
    found = value_violations(session, actor, changes.given(), pipeline.fields, deal.custom)
    found += _step_violations(session, deal, next_step, now)
    refuse_if_any(found)
    before = present_keys(session, deal)
    changed = apply_changes(session, actor, deal, pipeline, changes)
    refuse_if_any(emptied_required(deal, pipeline, before, present_keys(session, deal)))
    if changed:
        record(session, actor, "deal.edited", "deal", deal.id, at=now, changes=changed)
    if next_step is not None:
        add_step(session, actor, deal, next_step, now)
        refresh_next_due(session, deal)
    return deal.version


def reassign_deal(session: Session, actor: Actor, *, deal_id: int, expected_version: int, owner_id: int) -> None:
    """Hand a deal over: its stay on the stage ends for one owner and begins for the other.

    Errors: Forbidden; NotFound; DealMovedMeanwhile; InvalidInput for an owner who can't take it.
    """
    require(actor, Action.REASSIGN_DEALS)
    deal = take_deal(session, actor, deal_id, expected_version)
    refuse_if_any(_owner_violations(session, actor, owner_id))
    if deal.owner_id == owner_id:
        return
    now, before = utc_now(), deal.owner_id
    deal.owner_id = owner_id
    session.execute(
        update(NextStep)
        .where(NextStep.deal_id == deal.id, NextStep.done_at.is_(None), NextStep.owner_id == before)
        .values(owner_id=owner_id)
    )
    if deal.status is DealStatus.OPEN:
        ended = close_visit(session, deal, now, VisitOutcome.HANDOVER, deal.stage_id)
        open_visit(session, actor, deal, ended.left_at or now)
    retrace_deals(session, [deal.id])
    index_records(session, "deal", [deal.id])
    record(session, actor, "deal.reassigned", "deal", deal.id, at=now, changes={"owner": [before, owner_id]})


def _new_deal_violations(
    session: Session, actor: Actor, pipeline: PipelineInfo, new: NewDeal, owner_id: int | None, now: datetime
) -> list[Violation]:
    found = value_violations(session, actor, new.changes.given(), pipeline.fields)
    if new.changes.title is UNSET:
        found.append(Violation("value_required", "title"))
    found += _owner_violations(session, actor, owner_id)
    if pipeline.is_archived or not pipeline.open_stages:
        raise InvalidInput([Violation("choice_unknown", "pipeline")])
    found += creation_violations(session, actor, pipeline, new.stage_id)
    first = pipeline.stage(new.stage_id or 0) or pipeline.open_stages[0]
    found += [
        Violation("field_missing", key, {"stage": first.name})
        for key in first.required
        if key not in keys_after(frozenset(), new.changes) and pipeline.asks_for(key)
    ]
    if new.origin_deal_id is not None:
        found += _origin_violations(session, actor, new.origin_deal_id)
    if new.next_step is None:
        found.append(Violation("next_step_missing", "next_step"))
    else:
        found += plan_violations(session, new.next_step, now, owner_id)
        found += kind_violations(first, [new.next_step.kind])
    return found


def _insert(
    session: Session, actor: Actor, pipeline: PipelineInfo, stage: StageInfo, owner_id: int, new: NewDeal, now: datetime
) -> Deal:
    workspace = session.get_one(Workspace, 1)
    deal = Deal(
        pipeline_id=pipeline.id,
        stage_id=stage.id,
        status=DealStatus.OPEN,
        owner_id=owner_id,
        title="",
        currency=workspace.currency,
        priority=Priority.WARM,
        custom={},
        origin_deal_id=new.origin_deal_id,
        stage_entered_at=now,
        created_at=now,
        created_by=actor.user_id,
        created_channel=actor.channel,
    )
    session.add(deal)
    session.flush()
    return deal


def _owner_violations(session: Session, actor: Actor, owner_id: int | None) -> list[Violation]:
    if owner_id is None:
        return [Violation("value_required", "owner")]
    known = session.scalar(select(exists().where(User.id == owner_id, User.is_active)))
    return [] if known and actor.sees_owner(owner_id) else [Violation("choice_unknown", "owner")]


def _origin_violations(session: Session, actor: Actor, origin_deal_id: int) -> list[Violation]:
    known = session.scalar(select(exists().where(Deal.id == origin_deal_id, deal_visible(actor))))
    return [] if known else [Violation("choice_unknown", "origin_deal")]


def _step_violations(session: Session, deal: Deal, planned: StepPlan | None, now: datetime) -> list[Violation]:
    if planned is not None:
        closed = [Violation("deal_closed", "next_step")] if deal.status is not DealStatus.OPEN else []
        return plan_violations(session, planned, now, deal.owner_id) + closed
    if deal.status is DealStatus.OPEN and not open_steps(session, deal.id):
        return [Violation("next_step_missing", "next_step")]
    return []
