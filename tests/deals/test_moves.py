"""Moving and closing deals, judged through the commands."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.clock import utc_now
from crm.deals.commands import edit_deal
from crm.deals.moves import Move, check_deal_move, lose_deal, move_deal, win_deal
from crm.deals.values import DealChanges, LossAnswer, StepDone, StepPlan
from crm.errors import DealMovedMeanwhile, NotFound, StageRulesBroken
from crm.models import (
    Deal,
    DealStatus,
    Event,
    NextStep,
    Pipeline,
    Stage,
    StageRequirement,
    StageVisit,
    StepKind,
    StepResult,
    VisitOutcome,
)
from tests.conftest import Cast
from tests.factories import PipelineRows, add_deal, add_pipeline
from tests.refusals import refused

DAY = timedelta(days=1)


@pytest.fixture
def pipeline(session: Session) -> PipelineRows:
    return add_pipeline(session)


def codes(error: StageRulesBroken) -> list[str]:
    return [violation.code for violation in error.violations]


def move_refused(session: Session, cast: Cast, deal_id: int, move: Move) -> list[str]:
    before = session.get_one(Deal, deal_id).version
    with pytest.raises(StageRulesBroken) as caught, session.begin_nested():
        move_deal(session, cast.anna, deal_id=deal_id, move=move)
    assert session.get_one(Deal, deal_id).version == before
    return codes(caught.value)


def test_move_deal_goes_to_the_next_stage_and_keeps_the_visit(
    session: Session, cast: Cast, pipeline: PipelineRows
) -> None:
    deal_id = add_deal(session, cast.anna, pipeline)
    version = move_deal(session, cast.anna, deal_id=deal_id, move=Move(pipeline.stages[1], expected_version=1))
    deal = session.get_one(Deal, deal_id)
    assert (deal.stage_id, deal.version, version) == (pipeline.stages[1], 2, 2)
    first, second = session.scalars(select(StageVisit).order_by(StageVisit.id)).all()
    assert (first.outcome, first.next_stage_id) == (VisitOutcome.FORWARD, pipeline.stages[1])
    assert first.left_at == second.entered_at == deal.stage_entered_at
    assert (second.outcome, second.left_at, second.is_first) == (VisitOutcome.OPEN, None, True)
    event = session.scalars(select(Event).where(Event.kind == "deal.moved")).one()
    assert (event.deal_id, event.actor_id, event.details["to_stage"]) == (deal_id, cast.anna.user_id, "Need found")


def test_move_deal_refuses_to_go_back(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    deal_id = add_deal(session, cast.anna, pipeline, stage=2)
    assert move_refused(session, cast, deal_id, Move(pipeline.stages[0])) == ["back_not_allowed"]


def test_move_deal_refuses_to_skip_a_stage(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    deal_id = add_deal(session, cast.anna, pipeline)
    assert move_refused(session, cast, deal_id, Move(pipeline.stages[2])) == ["skip_not_allowed"]
    assert move_refused(session, cast, deal_id, Move(pipeline.won)) == ["skip_not_allowed"]


def test_move_deal_refuses_a_stage_of_another_pipeline(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    other = add_pipeline(session, name="Other")
    deal_id = add_deal(session, cast.anna, pipeline)
    assert move_refused(session, cast, deal_id, Move(other.stages[1])) == ["stage_of_other_pipeline"]


def test_move_deal_tells_every_violation_at_once(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    session.add_all([StageRequirement(stage_id=pipeline.stages[2], builtin=key) for key in ("amount", "company")])
    deal_id = add_deal(session, cast.anna, pipeline, due_in=None, amount_minor=None)
    found = move_refused(session, cast, deal_id, Move(pipeline.stages[2]))
    assert found == ["skip_not_allowed", "field_missing", "field_missing", "next_step_missing"]


def test_move_deal_tells_wrong_values_with_the_rules_they_leave_broken(
    session: Session, cast: Cast, pipeline: PipelineRows
) -> None:
    keys = ("amount", "company", "source", "expected_close_on")
    session.add_all([StageRequirement(stage_id=pipeline.stages[1], builtin=key) for key in keys])
    deal_id = add_deal(session, cast.anna, pipeline, due_in=None, source="Site")
    changes = DealChanges(amount_minor=-1, source=" ", title="t" * 301, expected_close_on=date(2026, 12, 1))
    move = Move(pipeline.stages[1], changes=changes, next_step=StepPlan(StepKind.CALL, utc_now() - DAY))
    with refused(session, StageRulesBroken) as refusal:
        move_deal(session, cast.anna, deal_id=deal_id, move=move)
    assert refusal.told == [
        ("text_too_long", "title"),
        ("amount_invalid", "amount"),
        ("next_step_past", "next_step"),
        ("field_missing", "company"),
        ("field_missing", "source"),
    ]
    with refused(session, StageRulesBroken) as refusal:
        lose_deal(session, cast.anna, deal_id=deal_id, move=Move(0, changes=DealChanges(title="")))
    assert refusal.told == [("value_required", "title"), ("loss_reason_missing", "loss_reason")]


def test_move_deal_refuses_a_step_that_lies_in_the_past(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    deal_id = add_deal(session, cast.anna, pipeline, due_in=-DAY)
    assert move_refused(session, cast, deal_id, Move(pipeline.stages[1])) == ["next_step_past"]


def test_move_deal_saves_what_is_missing_and_moves_in_one_act(
    session: Session, cast: Cast, pipeline: PipelineRows
) -> None:
    session.add(StageRequirement(stage_id=pipeline.stages[1], builtin="amount"))
    deal_id = add_deal(session, cast.anna, pipeline, due_in=None, amount_minor=None)
    due_at = utc_now() + DAY
    move_deal(
        session,
        cast.anna,
        deal_id=deal_id,
        move=Move(
            pipeline.stages[1],
            changes=DealChanges(amount_minor=500_00),
            next_step=StepPlan(StepKind.CALL, due_at, "Call about the need"),
        ),
    )
    deal = session.get_one(Deal, deal_id)
    assert (deal.amount_minor, deal.next_due_at, deal.stage_id) == (500_00, due_at, pipeline.stages[1])


def test_move_deal_refuses_a_deal_that_moved_meanwhile(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    deal_id = add_deal(session, cast.anna, pipeline)
    move_deal(session, cast.anna, deal_id=deal_id, move=Move(pipeline.stages[1], expected_version=1))
    with pytest.raises(DealMovedMeanwhile), session.begin_nested():
        move_deal(session, cast.anna, deal_id=deal_id, move=Move(pipeline.stages[2], expected_version=1))
    with pytest.raises(DealMovedMeanwhile), session.begin_nested():
        move_deal(
            session, cast.anna, deal_id=deal_id, move=Move(pipeline.stages[2], expected_stage_id=pipeline.stages[0])
        )


def test_lose_deal_demands_a_reason_and_its_note(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    deal_id = add_deal(session, cast.anna, pipeline, stage=1)
    price, other, _ = pipeline.reasons
    assert move_refused(session, cast, deal_id, Move(pipeline.lost)) == ["loss_reason_missing"]
    assert move_refused(session, cast, deal_id, Move(pipeline.lost, loss=LossAnswer(other, "  "))) == [
        "loss_note_missing"
    ]
    foreign = add_pipeline(session, name="Other").reasons[0]
    assert move_refused(session, cast, deal_id, Move(pipeline.lost, loss=LossAnswer(foreign))) == [
        "loss_reason_unknown"
    ]
    lose_deal(session, cast.anna, deal_id=deal_id, move=Move(0, loss=LossAnswer(price)))
    deal = session.get_one(Deal, deal_id)
    assert (deal.status, deal.loss_reason_id, deal.loss_stage_id) == (DealStatus.LOST, price, pipeline.stages[1])
    assert deal.closed_at is not None


def test_lost_deal_has_no_open_visit_and_no_open_step(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    deal_id = add_deal(session, cast.anna, pipeline)
    lose_deal(session, cast.anna, deal_id=deal_id, move=Move(0, loss=LossAnswer(pipeline.reasons[0])))
    visit = session.scalars(select(StageVisit)).one()
    assert (visit.outcome, visit.next_stage_id) == (VisitOutcome.LOST, pipeline.lost)
    assert session.scalars(select(NextStep).where(NextStep.done_at.is_(None))).all() == []
    assert session.get_one(Deal, deal_id).next_due_at is None


def test_win_deal_demands_the_last_stage_and_an_amount(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    early = add_deal(session, cast.anna, pipeline)
    worthless = add_deal(session, cast.anna, pipeline, stage=3, amount_minor=0)
    assert move_refused(session, cast, early, Move(pipeline.won)) == ["skip_not_allowed"]
    assert move_refused(session, cast, worthless, Move(pipeline.won)) == ["amount_not_positive"]
    win_deal(session, cast.anna, deal_id=worthless, move=Move(0, changes=DealChanges(amount_minor=1)))
    assert session.get_one(Deal, worthless).status is DealStatus.WON


def test_closed_deal_stays_closed(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    deal_id = add_deal(session, cast.anna, pipeline)
    lose_deal(session, cast.anna, deal_id=deal_id, move=Move(0, loss=LossAnswer(pipeline.reasons[0])))
    assert move_refused(session, cast, deal_id, Move(pipeline.stages[0])) == ["deal_closed"]


def test_hidden_deal_can_not_be_moved_by_a_colleague(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    deal_id = add_deal(session, cast.anna, pipeline)
    for stranger in (cast.anton, cast.dina):
        with pytest.raises(NotFound), session.begin_nested():
            move_deal(session, stranger, deal_id=deal_id, move=Move(pipeline.stages[1]))
    move_deal(session, cast.boris, deal_id=deal_id, move=Move(pipeline.stages[1]))


def test_check_deal_move_tells_what_a_dialog_must_ask(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    deal_id = add_deal(session, cast.anna, pipeline, due_in=None)
    found = check_deal_move(session, cast.anna, deal_id=deal_id, to_stage_id=pipeline.stages[1])
    assert [(one.code, one.field) for one in found] == [("next_step_missing", "next_step")]


def test_move_deal_refuses_a_next_step_after_the_end_and_a_loss_without_one(
    session: Session, cast: Cast, pipeline: PipelineRows
) -> None:
    deal_id = add_deal(session, cast.anna, pipeline, stage=3)
    step, loss = StepPlan(StepKind.CALL, utc_now() + DAY), LossAnswer(pipeline.reasons[0])
    won = Move(pipeline.won, next_step=step, loss=loss)
    assert move_refused(session, cast, deal_id, won) == ["next_step_after_end", "loss_reason_without_loss"]
    assert move_refused(session, cast, deal_id, Move(pipeline.lost, next_step=step, loss=loss)) == [
        "next_step_after_end"
    ]
    early = add_deal(session, cast.anna, pipeline)
    assert move_refused(session, cast, early, Move(pipeline.stages[1], loss=loss)) == ["loss_reason_without_loss"]


def test_way_back_that_a_pipeline_allows_ends_the_stay_as_one_back(
    session: Session, cast: Cast, pipeline: PipelineRows
) -> None:
    session.get_one(Pipeline, pipeline.id).forward_only = False
    deal_id = add_deal(session, cast.anna, pipeline, stage=2)
    move_deal(session, cast.anna, deal_id=deal_id, move=Move(pipeline.stages[0]))
    assert session.scalars(select(StageVisit.outcome).order_by(StageVisit.id)).all() == [
        VisitOutcome.BACK,
        VisitOutcome.OPEN,
    ]


def test_rules_made_later_are_judged_at_the_next_move_only(
    session: Session, cast: Cast, pipeline: PipelineRows
) -> None:
    deal_id = add_deal(session, cast.anna, pipeline, stage=1)
    session.add(StageRequirement(stage_id=pipeline.stages[1], moment="exit", builtin="source"))
    session.get_one(Stage, pipeline.stages[1]).step_kinds = [StepKind.MEETING]
    session.flush()
    edit_deal(session, cast.anna, deal_id=deal_id, expected_version=1, changes=DealChanges(title="Pipes"))
    assert move_refused(session, cast, deal_id, Move(pipeline.stages[2])) == ["field_missing_on_exit"]
    lose_deal(session, cast.anna, deal_id=deal_id, move=Move(0, loss=LossAnswer(pipeline.reasons[0])))


def test_move_deal_closes_what_was_due_with_its_result(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    deal_id = add_deal(session, cast.anna, pipeline, due_in=timedelta(days=-1))
    late = session.scalars(select(NextStep.id).where(NextStep.deal_id == deal_id)).one()
    tomorrow = StepPlan(StepKind.CALL, utc_now() + timedelta(days=1))
    done = StepDone(StepResult.REACHED, "Wants an offer")
    move_deal(session, cast.anna, deal_id=deal_id, move=Move(pipeline.stages[1], next_step=tomorrow, due_done=done))
    step = session.get_one(NextStep, late, populate_existing=True)
    assert (step.result, step.result_text) == (StepResult.REACHED, "Wants an offer")
    assert session.get_one(Deal, deal_id).next_due_at == tomorrow.due_at


def test_result_of_what_was_due_leaves_later_steps_open(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    deal_id = add_deal(session, cast.anna, pipeline)
    move_deal(session, cast.anna, deal_id=deal_id, move=Move(pipeline.stages[1], due_done=StepDone(StepResult.DONE)))
    assert session.scalars(select(NextStep.done_at).where(NextStep.deal_id == deal_id)).all() == [None]


def test_result_of_what_was_due_is_no_next_step(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    deal_id = add_deal(session, cast.anna, pipeline, due_in=timedelta(days=-1))
    move = Move(pipeline.stages[1], due_done=StepDone(StepResult.DONE, "\x00"))
    with refused(session, StageRulesBroken) as refusal:
        move_deal(session, cast.anna, deal_id=deal_id, move=move)
    assert refusal.told == [("text_unreadable", "result"), ("next_step_past", "next_step")]
