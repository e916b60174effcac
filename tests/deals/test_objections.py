"""Objections: written down on the stage where they were said, settled by hand or by how the deal ends."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.deals.moves import Move, lose_deal, move_deal, win_deal
from crm.deals.objections import (
    TEXT_LIMIT,
    ObjectionPlan,
    edit_objection,
    load_objection,
    load_objections,
    record_objection,
    settle_objection,
)
from crm.deals.values import DealChanges, LossAnswer
from crm.errors import ChangedMeanwhile, InvalidInput, NotFound
from crm.models import Deal, Event, Objection, ObjectionKind, ObjectionOutcome
from tests.conftest import Cast
from tests.factories import PipelineRows, add_closed_deal, add_deal
from tests.refusals import refused

DEAR = ObjectionPlan(" Too dear\r\n", ObjectionKind.REAL, " 5 % off ")


def kinds(session: Session, deal_id: int) -> list[str]:
    query = select(Event.kind).where(Event.deal_id == deal_id, Event.kind.startswith("objection."))
    return list(session.scalars(query.order_by(Event.id)))


def test_objection_keeps_the_stage_where_it_was_said(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    deal_id = add_deal(session, cast.anna, pipeline)
    objection_id = record_objection(session, cast.anna, deal_id=deal_id, plan=DEAR)
    move_deal(session, cast.anna, deal_id=deal_id, move=Move(pipeline.stages[1]))
    second_id = record_objection(session, cast.anna, deal_id=deal_id, plan=ObjectionPlan("I will think"))
    second, first = load_objections(session, cast.anna, deal_id)
    assert (first.id, first.stage_id, first.stage) == (objection_id, pipeline.stages[0], "Contact made")
    assert (first.text, first.kind, first.buys_if) == ("Too dear", ObjectionKind.REAL, "5 % off")
    assert (first.outcome, first.resolved_at, first.author) == (ObjectionOutcome.OPEN, None, "Anna")
    assert (second.id, second.stage_id, second.kind) == (second_id, pipeline.stages[1], ObjectionKind.UNKNOWN)
    assert kinds(session, deal_id) == ["objection.recorded", "objection.recorded"]
    assert load_objection(session, cast.anna, objection_id) == first


def test_settled_objections_stand_behind_open_ones(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    deal_id = add_deal(session, cast.anna, pipeline)
    older, newer = (
        record_objection(session, cast.anna, deal_id=deal_id, plan=ObjectionPlan(text)) for text in ("Old", "New")
    )
    settle_objection(
        session, cast.anna, objection_id=newer, expected_version=1, outcome=ObjectionOutcome.OVERCOME, note=" Tests "
    )
    found = load_objections(session, cast.anna, deal_id)
    assert [one.id for one in found] == [older, newer]
    settled = found[1]
    assert (settled.outcome, settled.outcome_note, settled.version) == (ObjectionOutcome.OVERCOME, "Tests", 2)
    assert settled.resolved_at is not None


def test_objection_is_opened_again(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    deal_id = add_deal(session, cast.anna, pipeline)
    objection_id = record_objection(session, cast.anna, deal_id=deal_id, plan=DEAR)
    for version, outcome in enumerate((ObjectionOutcome.OVERCOME, ObjectionOutcome.OPEN), 1):
        settle_objection(session, cast.boris, objection_id=objection_id, expected_version=version, outcome=outcome)
    found = load_objection(session, cast.anna, objection_id)
    assert (found.outcome, found.resolved_at, found.version) == (ObjectionOutcome.OPEN, None, 3)


def test_settling_alike_changes_nothing(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    deal_id = add_deal(session, cast.anna, pipeline)
    objection_id = record_objection(session, cast.anna, deal_id=deal_id, plan=DEAR)
    settle_objection(session, cast.anna, objection_id=objection_id, expected_version=1, outcome=ObjectionOutcome.OPEN)
    edit_objection(session, cast.anna, objection_id=objection_id, expected_version=1, plan=DEAR)
    assert session.get_one(Objection, objection_id).version == 1
    assert kinds(session, deal_id) == ["objection.recorded"]


def test_edit_tells_old_and_new_in_the_journal(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    deal_id = add_deal(session, cast.anna, pipeline)
    objection_id = record_objection(session, cast.anna, deal_id=deal_id, plan=DEAR)
    plan = ObjectionPlan("Too dear", ObjectionKind.PRETENDED)
    edit_objection(session, cast.anna, objection_id=objection_id, expected_version=1, plan=plan)
    event = session.scalars(select(Event).where(Event.kind == "objection.edited")).one()
    assert event.details == {"changes": {"meant": ["real", "pretended"], "buys_if": ["5 % off", None]}}
    found = load_objection(session, cast.anna, objection_id)
    assert (found.kind, found.buys_if, found.version) == (ObjectionKind.PRETENDED, None, 2)


def test_won_deal_overcame_what_was_open(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    deal_id = add_deal(session, cast.anna, pipeline, stage=len(pipeline.stages) - 1)
    still_open, settled = (record_objection(session, cast.anna, deal_id=deal_id, plan=DEAR) for _ in range(2))
    settle_objection(
        session, cast.anna, objection_id=settled, expected_version=1, outcome=ObjectionOutcome.NOT_OVERCOME
    )
    win_deal(session, cast.anna, deal_id=deal_id, move=Move(0, changes=DealChanges(amount_minor=100)))
    assert load_objection(session, cast.anna, still_open).outcome is ObjectionOutcome.OVERCOME
    assert load_objection(session, cast.anna, settled).outcome is ObjectionOutcome.NOT_OVERCOME


def test_lost_deal_did_not_overcome_what_was_open(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    deal_id = add_deal(session, cast.anna, pipeline)
    objection_id = record_objection(session, cast.anna, deal_id=deal_id, plan=DEAR)
    lose_deal(session, cast.anna, deal_id=deal_id, move=Move(0, loss=LossAnswer(pipeline.reasons[0])))
    found = load_objection(session, cast.anna, objection_id)
    assert (found.outcome, found.stage_id) == (ObjectionOutcome.NOT_OVERCOME, pipeline.stages[0])
    assert found.resolved_at == session.get_one(Deal, deal_id).closed_at


def test_objection_on_a_closed_deal_belongs_to_its_last_open_stage_and_takes_its_end(
    session: Session, cast: Cast, pipeline: PipelineRows
) -> None:
    deal_id = add_closed_deal(session, cast.anna, pipeline)
    deal = session.get_one(Deal, deal_id)
    found = load_objection(session, cast.anna, record_objection(session, cast.anna, deal_id=deal_id, plan=DEAR))
    assert found.stage_id in pipeline.stages
    assert found.stage_id != deal.stage_id
    assert found.outcome is ObjectionOutcome.OVERCOME  # it was won all the same


def test_all_that_is_wrong_is_told_at_once(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    deal_id = add_deal(session, cast.anna, pipeline)
    with refused(session, InvalidInput) as refusal:
        record_objection(session, cast.anna, deal_id=deal_id, plan=ObjectionPlan(" \n", buys_if="x" * (TEXT_LIMIT + 1)))
    assert refusal.told == [("value_required", "text"), ("text_too_long", "buys_if")]


def test_later_of_two_is_told(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    deal_id = add_deal(session, cast.anna, pipeline)
    objection_id = record_objection(session, cast.anna, deal_id=deal_id, plan=DEAR)
    edit_objection(session, cast.anna, objection_id=objection_id, expected_version=1, plan=ObjectionPlan("Slow"))
    with refused(session, ChangedMeanwhile):
        settle_objection(
            session, cast.boris, objection_id=objection_id, expected_version=1, outcome=ObjectionOutcome.OVERCOME
        )


@pytest.mark.parametrize("missing", [False, True], ids=["hidden", "unknown"])
def test_objection_of_a_hidden_deal_is_not_found(
    session: Session, cast: Cast, pipeline: PipelineRows, missing: bool
) -> None:
    deal_id = add_deal(session, cast.anton, pipeline)
    objection_id = record_objection(session, cast.anton, deal_id=deal_id, plan=DEAR)
    asked = 999 if missing else objection_id
    with refused(session, NotFound):
        edit_objection(session, cast.anna, objection_id=asked, expected_version=1, plan=DEAR)
    with pytest.raises(NotFound) as told:
        edit_objection(session, cast.anna, objection_id=asked, expected_version=1, plan=DEAR)
    assert told.value.params == {"entity": "objection", "id": asked}
    with pytest.raises(NotFound):
        load_objections(session, cast.anna, 999 if missing else deal_id)
