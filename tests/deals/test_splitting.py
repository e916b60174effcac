"""Splitting a pipeline: what goes along with the stages, which rules the new pipeline keeps."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.auth.actors import system_actor
from crm.clock import utc_now
from crm.deals.invariants import broken_invariants
from crm.deals.moves import Move, win_deal
from crm.deals.removal import remove_deal, restore_deal
from crm.deals.splitting import split_pipeline
from crm.deals.values import StepPlan
from crm.models import (
    Channel,
    Deal,
    DealStatus,
    Event,
    LinkTrigger,
    LossReason,
    Pipeline,
    Role,
    StageTransition,
    StageVisit,
    StepKind,
)
from crm.pipelines.link_values import ConditionOp, LinkCondition, LinkPlan
from crm.pipelines.links import edit_link, links_from, load_link
from crm.pipelines.reads import load_pipeline
from tests.conftest import Cast
from tests.deals.linking import DAY_SECONDS, add_link, lose, only_child
from tests.factories import PipelineRows, add_deal, add_pipeline

WHY = "Entered twice by the same manager"


def split(session: Session, cast: Cast, rows: PipelineRows, *places: int) -> int:
    """Take the stages of these numbers out; the base must be whole afterwards."""
    made = split_pipeline(
        session, cast.vera, pipeline_id=rows.id, expected_version=1, name="Delivery",
        stage_ids=tuple(rows.stages[place] for place in places),
    )  # fmt: skip
    session.flush()
    assert broken_invariants(session, system_actor(Channel.SYSTEM)) == []
    return made


def test_removed_deal_goes_along_and_may_come_back(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    deal_id = add_deal(session, cast.anna, pipeline, 2)
    remove_deal(session, cast.vera, deal_id=deal_id, expected_version=1, reason=WHY)
    made = split(session, cast, pipeline, 2, 3)
    deal = session.get_one(Deal, deal_id)
    assert (deal.pipeline_id, deal.stage_id, deal.status) == (made, pipeline.stages[2], DealStatus.REMOVED)
    told = session.scalars(select(Event).where(Event.kind == "pipeline.split")).one()
    assert told.details["deals"] == 0  # open ones
    assert session.scalars(select(Event).where(Event.kind == "deal.pipeline_split")).all() == []
    restore_deal(
        session, cast.vera, deal_id=deal_id, step=StepPlan(StepKind.CALL, utc_now() + timedelta(days=1), "Call")
    )
    assert session.get_one(Deal, deal_id).status is DealStatus.OPEN
    assert set(session.scalars(select(StageVisit.pipeline_id))) == {made}
    assert broken_invariants(session, system_actor(Channel.SYSTEM)) == []


def test_new_pipeline_is_as_strict_as_the_old_one(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    row = session.get_one(Pipeline, pipeline.id)
    row.forward_only, row.no_skipping, row.stands_alone = False, False, True
    row.creation_roles, row.lint_limits = [Role.ADMIN.value], {"L07": 9}
    banned = (pipeline.stages[3], pipeline.won)
    session.add(StageTransition(role=Role.MANAGER, from_stage_id=banned[0], to_stage_id=banned[1], is_allowed=False))
    session.flush()
    made_id = split(session, cast, pipeline, 2, 3)
    made = session.get_one(Pipeline, made_id)
    assert (made.forward_only, made.no_skipping, made.stands_alone) == (False, False, True)
    assert (made.creation_roles, made.lint_limits) == ([Role.ADMIN.value], {"L07": 9})
    info = load_pipeline(session, made_id)
    assert info.transitions == {(Role.MANAGER, pipeline.stages[3], info.won_stage.id): False}
    assert load_pipeline(session, pipeline.id).transitions == {}


def test_links_of_the_ends_lead_on_from_the_new_pipeline_too(
    session: Session, cast: Cast, pipeline: PipelineRows
) -> None:
    base, refusals = add_pipeline(session, "Base"), add_pipeline(session, "Refusals")
    add_link(session, pipeline, base)
    for_price = LinkCondition("loss_reason", ConditionOp.IS_ONE_OF, (pipeline.reasons[0],))
    lost = add_link(
        session, pipeline, refusals, trigger=LinkTrigger.LOST, conditions=(for_price,), cooldown_seconds=DAY_SECONDS,
        max_rounds=2, step_text="Ask again",
    )  # fmt: skip
    off = add_link(session, pipeline, refusals)
    plan = load_link(session, off).plan
    edit_link(session, cast.vera, link_id=off, expected_version=1, plan=_off(plan))
    add_link(session, pipeline, base, trigger=LinkTrigger.STAGE, from_stage_id=pipeline.stages[0])
    deal_id = add_deal(session, cast.anna, pipeline, 3)
    made = split(session, cast, pipeline, 2, 3)
    copies = {link.plan.trigger: link for link in links_from(session, made)}
    assert {trigger: link.plan.to_pipeline_id for trigger, link in copies.items()} == {
        LinkTrigger.WON: base.id, LinkTrigger.LOST: refusals.id,
    }  # fmt: skip
    new_reason = session.scalars(select(LossReason.id).filter_by(pipeline_id=made, name="Price")).one()
    copy = copies[LinkTrigger.LOST].plan
    assert copy.conditions == (LinkCondition("loss_reason", ConditionOp.IS_ONE_OF, (new_reason,)),)
    assert (copy.cooldown_seconds, copy.max_rounds, copy.step_text) == (DAY_SECONDS, 2, "Ask again")
    assert load_link(session, lost).plan.conditions == (for_price,)
    told = session.scalars(select(Event).where(Event.kind == "link.created").order_by(Event.id.desc()).limit(2)).all()
    assert [event.details["from_pipeline"] for event in told] == ["Delivery", "Delivery"]
    win_deal(session, cast.anna, deal_id=deal_id, move=Move(0))
    assert only_child(session, deal_id).pipeline_id == base.id


def test_link_into_a_split_off_stage_and_its_copy_lead_to_the_new_pipeline(
    session: Session, cast: Cast, pipeline: PipelineRows
) -> None:
    add_link(
        session, pipeline, pipeline, trigger=LinkTrigger.LOST, to_stage_id=pipeline.stages[2], max_rounds=2,
        cooldown_seconds=0, conditions=(),
    )  # fmt: skip
    deal_id = add_deal(session, cast.anna, pipeline, 3)
    made = split(session, cast, pipeline, 2, 3)
    assert [link.plan.to_pipeline_id for link in links_from(session, made)] == [made]
    assert [link.plan.to_pipeline_id for link in links_from(session, pipeline.id)] == [made]
    reason = session.scalars(select(LossReason.id).filter_by(pipeline_id=made, name="Price")).one()
    lose(session, cast.anna, deal_id, PipelineRows(made, [], 0, 0, [reason]))
    child = only_child(session, deal_id)
    assert (child.pipeline_id, child.stage_id) == (made, pipeline.stages[2])


def _off(plan: LinkPlan) -> LinkPlan:
    return LinkPlan(plan.from_pipeline_id, plan.trigger, plan.to_pipeline_id, is_active=False)
