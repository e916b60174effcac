"""Who creates deals by hand, and where they begin."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from crm.clock import utc_now
from crm.deals.commands import NewDeal, create_deal
from crm.deals.creation import may_create
from crm.deals.values import DealChanges, StepPlan
from crm.errors import InvalidInput
from crm.i18n.texts import violation_sentence
from crm.models import (
    Channel,
    Deal,
    LinkKind,
    LinkOwner,
    LinkTrigger,
    Pipeline,
    PipelineLink,
    Role,
    Stage,
    StageRequirement,
    StepKind,
)
from crm.pipelines.reads import list_pipelines, load_pipeline
from tests.conftest import Cast
from tests.factories import PipelineRows, add_pipeline
from tests.refusals import refused


@pytest.fixture
def pipeline(session: Session) -> PipelineRows:
    return add_pipeline(session)


def new(pipeline: PipelineRows, stage: int | None = None, kind: StepKind = StepKind.CALL) -> NewDeal:
    plan = StepPlan(kind, utc_now() + timedelta(days=1))
    return NewDeal(pipeline.id, DealChanges(title="Pipes"), plan, stage_id=stage)


def restrict(session: Session, pipeline: PipelineRows, *roles: Role) -> None:
    session.get_one(Pipeline, pipeline.id).creation_roles = [role.value for role in roles]
    session.flush()


def link(session: Session, start: PipelineRows, end: PipelineRows, *, is_active: bool = True) -> None:
    session.add(
        PipelineLink(
            from_pipeline_id=start.id, trigger=LinkTrigger.WON, to_pipeline_id=end.id, kind=LinkKind.REPEAT_SALE,
            owner_rule=LinkOwner.SAME, step_kind=StepKind.CALL, step_text="Call", step_due_seconds=86400,
            is_active=is_active, created_at=utc_now(),
        )
    )  # fmt: skip
    session.flush()


def test_role_left_out_creates_nothing_and_is_told_where_deals_come_from(
    session: Session, cast: Cast, pipeline: PipelineRows
) -> None:
    repeat = add_pipeline(session, "Repeat sales")
    link(session, pipeline, repeat)
    link(session, add_pipeline(session, "Idle"), repeat, is_active=False)
    restrict(session, repeat, Role.HEAD, Role.ADMIN)
    with refused(session, InvalidInput) as refusal:
        create_deal(session, cast.anna, new(repeat))
    assert refusal.told == [("creation_not_allowed", "pipeline")]
    assert violation_sentence(refusal.violations[0]) == (
        "Your role does not create deals in “Repeat sales”. They come from: First sales. "
        "By hand they are made by: Head of sales, Administrator."
    )
    assert create_deal(session, cast.boris, new(repeat))


def test_pipeline_that_nobody_fills_by_hand_says_so(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    restrict(session, pipeline)
    with refused(session, InvalidInput) as refusal:
        create_deal(session, replace(cast.vera, channel=Channel.API), new(pipeline))
    assert violation_sentence(refusal.violations[0]) == (
        "Your role does not create deals in “First sales”. They come from: imports and programs. "
        "By hand they are made by: nobody."
    )


@pytest.mark.parametrize("channel", [Channel.SYSTEM, Channel.IMPORT, Channel.CLI])
def test_policy_is_about_work_by_hand_only(
    session: Session, cast: Cast, pipeline: PipelineRows, channel: Channel
) -> None:
    restrict(session, pipeline)
    robot = replace(cast.anna, channel=channel)
    assert may_create(robot, load_pipeline(session, pipeline.id))
    deal_id = create_deal(session, robot, new(pipeline, pipeline.stages[2]))
    assert session.get_one(Deal, deal_id).stage_id == pipeline.stages[2]


def test_deal_begins_on_any_stage_that_accepts_new_ones(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    session.get_one(Stage, pipeline.stages[2]).accepts_new = True
    session.flush()
    deal_id = create_deal(session, cast.anna, new(pipeline, pipeline.stages[2]))
    assert session.get_one(Deal, deal_id).stage_id == pipeline.stages[2]
    assert session.get_one(Deal, create_deal(session, cast.anna, new(pipeline))).stage_id == pipeline.stages[0]
    for closed in (pipeline.stages[1], pipeline.won, pipeline.lost):
        with refused(session, InvalidInput) as refusal:
            create_deal(session, cast.anna, new(pipeline, closed))
        assert refusal.told == [("stage_not_for_new", "stage")]
        assert violation_sentence(refusal.violations[0]) == "New deals begin on: Contact made, Offer sent."


def test_new_deal_needs_the_fields_and_the_step_of_its_own_stage(
    session: Session, cast: Cast, pipeline: PipelineRows
) -> None:
    begin = session.get_one(Stage, pipeline.stages[1])
    begin.accepts_new, begin.step_kinds = True, [StepKind.MEETING]
    session.add(StageRequirement(stage_id=begin.id, builtin="amount"))
    session.flush()
    with refused(session, InvalidInput) as refusal:
        create_deal(session, cast.anna, new(pipeline, begin.id))
    assert refusal.told == [("field_missing", "amount"), ("next_step_kind_wrong", "next_step")]
    assert create_deal(session, cast.anna, new(pipeline))


def test_list_of_pipelines_tells_who_creates(session: Session, pipeline: PipelineRows) -> None:
    restrict(session, pipeline, Role.ADMIN)
    assert [one.creation_roles for one in list_pipelines(session)] == [frozenset({Role.ADMIN})]
