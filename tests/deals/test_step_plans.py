"""One step on many deals."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.clock import utc_now
from crm.deals.step_plans import MOST_AT_ONCE, plan_steps
from crm.deals.values import StepPlan
from crm.errors import InvalidInput
from crm.models import Deal, Event, NextStep, StepKind
from tests.conftest import Cast
from tests.factories import PipelineRows, add_closed_deal, add_deal
from tests.refusals import refused

HOUR = timedelta(hours=1)


def call(text: str = "Agree on a next step", **columns: int) -> StepPlan:
    return StepPlan(StepKind.CALL, utc_now() + HOUR, text, **columns)


def steps(session: Session, deal_id: int) -> list[tuple[str, int]]:
    query = select(NextStep.text, NextStep.owner_id).where(NextStep.deal_id == deal_id, NextStep.done_at.is_(None))
    return [tuple(row) for row in session.execute(query.order_by(NextStep.id))]  # type: ignore[misc]


def test_each_open_deal_gets_the_step_for_its_owner(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    annas = add_deal(session, cast.anna, pipeline, due_in=None)
    antons = add_deal(session, cast.anton, pipeline, due_in=None)
    plan = call()
    planned = plan_steps(session, cast.boris, deal_ids=[antons, annas, annas], plan=plan)
    assert (planned.deal_ids, planned.left_out) == ((annas, antons), 0)
    assert steps(session, annas) == [("Agree on a next step", cast.anna.user_id)]
    assert steps(session, antons) == [("Agree on a next step", cast.anton.user_id)]
    assert session.get_one(Deal, annas).next_due_at == plan.due_at.replace(microsecond=0)
    told = session.scalars(select(Event.deal_id).where(Event.kind == "next_step.planned").order_by(Event.id)).all()
    assert told == [annas, antons]


def test_hidden_closed_and_planned_ones_are_left_out(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    hidden = add_deal(session, cast.dina, pipeline, due_in=None)
    closed = add_closed_deal(session, cast.anna, pipeline)
    late = add_deal(session, cast.anna, pipeline, due_in=-HOUR)
    ids = [hidden, closed, late, 10**9]
    assert plan_steps(session, cast.anna, deal_ids=ids, plan=call()).deal_ids == (late,)
    again = plan_steps(session, cast.anna, deal_ids=ids, plan=call())
    assert (again.deal_ids, again.left_out) == ((), 4)
    assert len(steps(session, late)) == 2
    assert steps(session, hidden) == []


@pytest.mark.parametrize("case", ["past", "owner", "many"])
def test_wrong_plan_changes_nothing(session: Session, cast: Cast, pipeline: PipelineRows, case: str) -> None:
    deal_id = add_deal(session, cast.anna, pipeline, due_in=None)
    plan, ids, code = {
        "past": (StepPlan(StepKind.CALL, utc_now() - HOUR), [deal_id], "next_step_past"),
        "owner": (call(owner_id=cast.anna.user_id or 0), [deal_id], "choice_unknown"),
        "many": (call(), range(1, MOST_AT_ONCE + 2), "number_between"),
    }[case]
    with refused(session, InvalidInput) as refusal:
        plan_steps(session, cast.anna, deal_ids=ids, plan=plan)
    assert refusal.codes == [code]
