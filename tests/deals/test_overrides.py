"""Passing rules with a written reason."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.clock import utc_now
from crm.deals.invariants import broken_invariants
from crm.deals.moves import Move, check_deal_move, lose_deal, move_deal, win_deal
from crm.deals.values import DealChanges, LossAnswer, StepPlan
from crm.errors import NotFound, StageRulesBroken
from crm.i18n.event_texts import event_sentence
from crm.models import (
    Deal,
    DealStatus,
    Event,
    Pipeline,
    Role,
    RuleOverride,
    Stage,
    StageRequirement,
    StageTransition,
    StageVisit,
    StepKind,
    VisitOutcome,
)
from tests.conftest import Cast
from tests.factories import PipelineRows, add_closed_deal, add_deal, add_pipeline
from tests.refusals import refused

WHY = "The client asked for a new offer"
DAY = timedelta(days=1)


@pytest.fixture
def pipeline(session: Session) -> PipelineRows:
    return add_pipeline(session)


def call() -> StepPlan:
    return StepPlan(StepKind.CALL, utc_now() + DAY)


def overrides(session: Session) -> list[RuleOverride]:
    return list(session.scalars(select(RuleOverride).order_by(RuleOverride.id)))


def codes_of_refusal(session: Session, actor: Actor, deal_id: int, move: Move) -> list[tuple[str, str | None]]:
    with refused(session, StageRulesBroken) as refusal:
        move_deal(session, actor, deal_id=deal_id, move=move)
    return refusal.told


def test_head_moves_back_with_a_reason_that_is_kept_on_the_visit(
    session: Session, cast: Cast, pipeline: PipelineRows
) -> None:
    deal_id = add_deal(session, cast.anna, pipeline, stage=2)
    move_deal(session, cast.boris, deal_id=deal_id, move=Move(pipeline.stages[0], override_reason=f" {WHY}\n"))
    left, present = session.scalars(select(StageVisit).order_by(StageVisit.id)).all()
    assert (left.outcome, left.next_stage_id) == (VisitOutcome.BACK, pipeline.stages[0])
    (row,) = overrides(session)
    assert (row.deal_id, row.visit_id, row.actor_id) == (deal_id, left.id, cast.boris.user_id)
    assert (row.from_stage_id, row.to_stage_id) == (pipeline.stages[2], pipeline.stages[0])
    assert (row.rules, row.reason) == (["back_not_allowed"], WHY)
    assert present.stage_id == session.get_one(Deal, deal_id).stage_id == pipeline.stages[0]
    event = session.scalars(select(Event).where(Event.kind == "deal.rule_overridden")).one()
    assert event_sentence(event.kind, event.details) == f"Passed a rule (moved back): {WHY}"


def test_every_rule_that_may_be_passed_is_passed_and_named(
    session: Session, cast: Cast, pipeline: PipelineRows
) -> None:
    session.get_one(Stage, pipeline.stages[2]).step_kinds = [StepKind.MEETING]
    session.add_all(
        [
            StageRequirement(stage_id=pipeline.stages[2], builtin="company"),
            StageRequirement(stage_id=pipeline.stages[2], builtin="source"),
            StageRequirement(stage_id=pipeline.stages[0], moment="exit", builtin="contact"),
        ]
    )
    deal_id = add_deal(session, cast.anna, pipeline)
    move_deal(session, cast.boris, deal_id=deal_id, move=Move(pipeline.stages[2], override_reason=WHY))
    (row,) = overrides(session)
    assert row.rules == ["skip_not_allowed", "field_missing_on_exit", "field_missing", "next_step_kind_wrong"]


def test_deal_is_won_without_an_amount_with_a_reason(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    deal_id = add_deal(session, cast.anna, pipeline, stage=1, amount_minor=None)
    win_deal(session, cast.vera, deal_id=deal_id, move=Move(0, override_reason=WHY))
    assert session.get_one(Deal, deal_id).status is DealStatus.WON
    assert [row.rules for row in overrides(session)] == [["skip_not_allowed", "amount_not_positive"]]


def test_role_barred_from_a_stage_is_helped_by_a_head(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    first, second = pipeline.stages[:2]
    for role in (Role.MANAGER, Role.HEAD):
        session.add(StageTransition(role=role, from_stage_id=first, to_stage_id=second, is_allowed=False))
    deal_id = add_deal(session, cast.anna, pipeline)
    for actor in (cast.anna, cast.boris):
        assert codes_of_refusal(session, actor, deal_id, Move(second)) == [("move_forbidden", "stage")]
    move_deal(session, cast.boris, deal_id=deal_id, move=Move(second, override_reason=WHY))
    assert [row.rules for row in overrides(session)] == [["move_forbidden"]]


def test_managers_reason_passes_nothing_and_is_told_so(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    deal_id = add_deal(session, cast.anna, pipeline, stage=2)
    move = Move(pipeline.stages[0], override_reason=WHY)
    assert codes_of_refusal(session, cast.anna, deal_id, move) == [
        ("back_not_allowed", "stage"),
        ("override_not_allowed", "override_reason"),
    ]


@pytest.mark.parametrize(
    ("reason", "code"),
    [("", "reason_too_short"), ("  too far \n", "reason_too_short"), ("x" * 5001, "text_too_long"),
     ("\x00" * 20, "text_unreadable")],
    ids=["empty", "short", "long", "unreadable"],
)  # fmt: skip
def test_reason_must_be_readable_and_say_something(
    session: Session, cast: Cast, pipeline: PipelineRows, reason: str, code: str
) -> None:
    deal_id = add_deal(session, cast.anna, pipeline, stage=2)
    move = Move(pipeline.stages[0], override_reason=reason)
    assert codes_of_refusal(session, cast.boris, deal_id, move) == [(code, "override_reason")]


@pytest.mark.parametrize(
    ("due_in", "target", "told"),
    [
        (None, "stages", ("next_step_missing", "next_step")),
        (-DAY, "stages", ("next_step_past", "next_step")),
        (DAY, "lost", ("loss_reason_missing", "loss_reason")),
        (DAY, "foreign", ("stage_of_other_pipeline", "stage")),
        (DAY, "retired", ("stage_retired", "stage")),
        (DAY, "same", ("stage_same", "stage")),
    ],
    ids=["no step", "late step", "loss reason", "other pipeline", "retired", "same stage"],
)
def test_some_rules_are_never_passed(
    session: Session, cast: Cast, pipeline: PipelineRows, due_in: Any, target: str, told: tuple[str, str]
) -> None:
    other = add_pipeline(session, "Other")
    session.get_one(Stage, pipeline.stages[3]).retired_at = utc_now()
    deal_id = add_deal(session, cast.anna, pipeline, stage=2, due_in=due_in)
    targets = {
        "stages": pipeline.stages[0],
        "lost": pipeline.lost,
        "foreign": other.stages[0],
        "retired": pipeline.stages[3],
        "same": pipeline.stages[2],
    }
    assert codes_of_refusal(session, cast.vera, deal_id, Move(targets[target], override_reason=WHY)) == [told]


def test_reason_given_where_nothing_is_broken_leaves_no_trace(
    session: Session, cast: Cast, pipeline: PipelineRows
) -> None:
    deal_id = add_deal(session, cast.anna, pipeline)
    for actor, stage in ((cast.anna, 1), (cast.boris, 2)):
        move_deal(session, actor, deal_id=deal_id, move=Move(pipeline.stages[stage], override_reason="no"))
    assert overrides(session) == []
    assert session.scalar(select(func.count()).where(Event.kind == "deal.rule_overridden")) == 0


def test_hidden_deal_is_not_found_whatever_the_reason(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    deal_id = add_deal(session, cast.dina, pipeline, stage=2)
    with refused(session, NotFound):
        move_deal(session, cast.boris, deal_id=deal_id, move=Move(pipeline.stages[0], override_reason=WHY))


# Taking a closed deal up again


def test_head_takes_a_lost_deal_up_again(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    deal_id = add_deal(session, cast.anna, pipeline, stage=1)
    lose_deal(session, cast.anna, deal_id=deal_id, move=Move(0, loss=LossAnswer(pipeline.reasons[0], "Too dear")))
    move_deal(
        session,
        cast.boris,
        deal_id=deal_id,
        move=Move(pipeline.stages[1], next_step=call(), override_reason=WHY),
    )
    deal = session.get_one(Deal, deal_id)
    assert (deal.status, deal.stage_id, deal.closed_at) == (DealStatus.OPEN, pipeline.stages[1], None)
    assert (deal.loss_reason_id, deal.loss_note, deal.loss_stage_id) == (None, None, None)
    assert deal.next_due_at is not None
    lost, again = session.scalars(select(StageVisit).order_by(StageVisit.id)).all()
    assert (lost.outcome, again.outcome, again.is_first) == (VisitOutcome.LOST, VisitOutcome.OPEN, False)
    assert lost.left_at is not None
    assert lost.left_at <= again.entered_at
    (row,) = overrides(session)
    assert (row.rules, row.visit_id, row.from_stage_id) == (["deal_closed"], lost.id, pipeline.lost)
    event = session.scalars(select(Event).where(Event.kind == "deal.reopened")).one()
    assert event.details["lost_for"] == "Price"
    assert broken_invariants(session, cast.vera) == []


def test_won_deal_taken_up_again_needs_a_next_step(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    deal_id = add_closed_deal(session, cast.anna, pipeline)
    move = Move(pipeline.stages[3], override_reason=WHY)
    assert codes_of_refusal(session, cast.boris, deal_id, move) == [("next_step_missing", "next_step")]


def test_manager_can_not_take_a_closed_deal_up_again(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    deal_id = add_closed_deal(session, cast.anna, pipeline)
    move = Move(pipeline.stages[3], next_step=call(), override_reason=WHY)
    assert codes_of_refusal(session, cast.anna, deal_id, move) == [
        ("deal_closed", "stage"),
        ("override_not_allowed", "override_reason"),
    ]


def test_nobody_takes_a_deal_up_again_in_the_archive(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    deal_id = add_closed_deal(session, cast.anna, pipeline, VisitOutcome.LOST)
    session.get_one(Pipeline, pipeline.id).is_archived = True
    for actor in (cast.boris, cast.vera):
        with refused(session, StageRulesBroken) as refusal:
            move_deal(session, actor, deal_id=deal_id, move=Move(pipeline.stages[0], override_reason=WHY))
        assert refusal.told == [("pipeline_archived", "stage")]


def test_closed_deal_never_goes_from_one_end_to_the_other(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    deal_id = add_closed_deal(session, cast.anna, pipeline, VisitOutcome.LOST)
    assert codes_of_refusal(session, cast.vera, deal_id, Move(pipeline.won, override_reason=WHY)) == [
        ("deal_closed", "stage")
    ]


def test_dialog_of_a_head_asks_for_what_a_closed_deal_lacks(
    session: Session, cast: Cast, pipeline: PipelineRows
) -> None:
    deal_id = add_closed_deal(session, cast.anna, pipeline)
    asked = {
        actor.name: [
            one.code for one in check_deal_move(session, actor, deal_id=deal_id, to_stage_id=pipeline.stages[0])
        ]
        for actor in (cast.anna, cast.boris)
    }
    assert asked == {"Anna": ["deal_closed"], "Boris": ["deal_closed", "next_step_missing"]}


def test_wrong_values_are_told_with_what_the_reason_does_not_pass(
    session: Session, cast: Cast, pipeline: PipelineRows
) -> None:
    deal_id = add_deal(session, cast.anna, pipeline, stage=2, due_in=None)
    move = Move(pipeline.stages[0], changes=DealChanges(title=""), override_reason=WHY)
    assert codes_of_refusal(session, cast.boris, deal_id, move) == [
        ("value_required", "title"),
        ("next_step_missing", "next_step"),
    ]
