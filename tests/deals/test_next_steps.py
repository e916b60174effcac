"""Planning, completing and postponing next steps."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.clock import utc_now
from crm.deals.next_steps import complete_next_step, plan_next_step, postpone_next_step
from crm.deals.values import StepDone, StepPlan
from crm.errors import ChangedMeanwhile, InvalidInput, NotFound
from crm.models import Deal, Event, NextStep, StepKind, StepResult, User
from tests.conftest import Cast
from tests.factories import PipelineRows, add_closed_deal, add_deal
from tests.refusals import refused

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
DONE = StepDone(StepResult.REACHED, "  Wants an offer\nby Friday ")


@pytest.fixture
def deal_id(session: Session, cast: Cast, pipeline: PipelineRows) -> int:
    return add_deal(session, cast.anna, pipeline)


def call(due_at: datetime, text: str = "") -> StepPlan:
    return StepPlan(StepKind.CALL, due_at, text)


def only_step(session: Session, deal_id: int) -> NextStep:
    return session.scalars(select(NextStep).where(NextStep.deal_id == deal_id, NextStep.done_at.is_(None))).one()


def last_event(session: Session) -> tuple[str, int | None, dict[str, Any]]:
    event = session.scalars(select(Event).order_by(Event.id.desc()).limit(1)).one()
    return event.kind, event.deal_id, event.details


def test_plan_next_step_moves_the_nearest_date_only_when_it_is_nearer(
    session: Session, cast: Cast, deal_id: int
) -> None:
    now = utc_now()
    deal = session.get_one(Deal, deal_id)
    first = deal.next_due_at
    plan_next_step(session, cast.anna, deal_id=deal_id, plan=call(now + 3 * DAY))
    assert deal.next_due_at == first
    step_id = plan_next_step(session, cast.anna, deal_id=deal_id, plan=call(now + HOUR, " Ask  the price "))
    assert deal.next_due_at == now + HOUR
    step = session.get_one(NextStep, step_id)
    assert (step.text, step.owner_id, step.created_by, step.version) == (
        "Ask the price", cast.anna.user_id, cast.anna.user_id, 1
    )  # fmt: skip
    due_at = int((now + HOUR).timestamp())
    assert last_event(session) == (
        "next_step.planned", deal_id, {"step_kind": "call", "text": "Ask the price", "due_at": due_at}
    )  # fmt: skip
    assert deal.version == 1


def test_planned_step_belongs_to_the_owner_of_the_deal_unless_named(session: Session, cast: Cast, deal_id: int) -> None:
    due_at = utc_now() + DAY
    own = plan_next_step(session, cast.boris, deal_id=deal_id, plan=call(due_at))
    plan = StepPlan(StepKind.REVIEW, due_at, owner_id=cast.boris.user_id)
    named = plan_next_step(session, cast.anna, deal_id=deal_id, plan=plan)
    assert session.get_one(NextStep, own).owner_id == cast.anna.user_id
    assert session.get_one(NextStep, named).owner_id == cast.boris.user_id


def test_planned_step_belongs_to_nobody_who_does_not_see_the_deal(session: Session, cast: Cast, deal_id: int) -> None:
    for owner, allowed in ((cast.anton, False), (cast.dina, False), (cast.boris, True), (cast.vera, True)):
        plan = StepPlan(StepKind.REVIEW, utc_now() + DAY, owner_id=owner.user_id)
        if allowed:
            plan_next_step(session, cast.anna, deal_id=deal_id, plan=plan)
            continue
        with refused(session, InvalidInput) as refusal:
            plan_next_step(session, cast.anna, deal_id=deal_id, plan=plan)
        assert refusal.told == [("choice_unknown", "next_step_owner")]


def test_plan_next_step_refuses_past_far_and_strange(session: Session, cast: Cast, deal_id: int) -> None:
    now = utc_now()
    session.get_one(User, cast.boris.user_id).is_active = False
    session.flush()
    for plan, told in (
        (call(now - HOUR), ("next_step_past", "next_step")),
        (call(now + 740 * DAY), ("next_step_too_far", "next_step")),
        (call(now + DAY, "t" * 501), ("text_too_long", "next_step")),
        (StepPlan(StepKind.CALL, now + DAY, owner_id=999), ("choice_unknown", "next_step_owner")),
        (StepPlan(StepKind.CALL, now + DAY, owner_id=cast.boris.user_id), ("choice_unknown", "next_step_owner")),
    ):
        with refused(session, InvalidInput) as refusal:
            plan_next_step(session, cast.anna, deal_id=deal_id, plan=plan)
        assert refusal.told == [told]


def test_closed_deal_takes_no_step(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    closed = add_closed_deal(session, cast.anna, pipeline)
    with refused(session, InvalidInput) as refusal:
        plan_next_step(session, cast.anna, deal_id=closed, plan=call(utc_now() - DAY))
    assert refusal.told == [("next_step_past", "next_step"), ("deal_closed", "next_step")]


def test_complete_next_step_writes_the_result_and_plans_the_following(
    session: Session, cast: Cast, deal_id: int
) -> None:
    step = only_step(session, deal_id)
    due_at = utc_now() + 2 * DAY
    following = complete_next_step(session, cast.boris, step_id=step.id, done=DONE, following=call(due_at))
    assert (step.done_by, step.result, step.version) == (cast.boris.user_id, StepResult.REACHED, 2)
    assert step.result_text == "Wants an offer\nby Friday"
    assert step.done_at is not None
    assert only_step(session, deal_id).id == following
    assert session.get_one(Deal, deal_id).next_due_at == due_at
    kinds = session.scalars(select(Event.kind).order_by(Event.id)).all()
    assert kinds == ["next_step.done", "next_step.planned"]


def test_last_step_of_an_open_deal_needs_a_following_one(session: Session, cast: Cast, deal_id: int) -> None:
    step_id = only_step(session, deal_id).id
    with refused(session, InvalidInput) as refusal:
        complete_next_step(session, cast.anna, step_id=step_id, done=DONE)
    assert refusal.told == [("step_is_last", "next_step")]
    due_at = utc_now() + 5 * DAY
    plan_next_step(session, cast.anna, deal_id=deal_id, plan=call(due_at))
    assert complete_next_step(session, cast.anna, step_id=step_id, done=DONE) is None
    assert session.get_one(Deal, deal_id).next_due_at == due_at


def test_complete_next_step_refuses_a_second_result(session: Session, cast: Cast, deal_id: int) -> None:
    step_id = only_step(session, deal_id).id
    complete_next_step(session, cast.anna, step_id=step_id, done=DONE, following=call(utc_now() + DAY))
    with refused(session, InvalidInput) as refusal:
        complete_next_step(session, cast.anna, step_id=step_id, done=DONE)
    assert refusal.told == [("step_closed", "next_step")]


def test_complete_next_step_tells_everything_wrong_at_once(session: Session, cast: Cast, deal_id: int) -> None:
    step_id = only_step(session, deal_id).id
    with refused(session, InvalidInput) as refusal:
        complete_next_step(
            session, cast.anna, step_id=step_id, done=StepDone(StepResult.DONE, "r" * 5001),
            following=call(utc_now() - DAY, "\x00"),
        )  # fmt: skip
    assert refusal.told == [
        ("next_step_past", "next_step"),
        ("text_unreadable", "next_step"),
        ("text_too_long", "result"),
    ]


def test_postpone_next_step_moves_the_nearest_date(session: Session, cast: Cast, deal_id: int) -> None:
    step = only_step(session, deal_id)
    before, after = step.due_at, utc_now() + 9 * DAY
    postpone_next_step(session, cast.anna, step_id=step.id, due_at=after, expected_version=1)
    assert (step.due_at, step.version) == (after, 2)
    assert session.get_one(Deal, deal_id).next_due_at == after
    assert last_event(session) == (
        "next_step.postponed",
        deal_id,
        {"before": int(before.timestamp()), "after": int(after.timestamp()), "step_kind": "call"},
    )
    earlier = utc_now() + HOUR
    postpone_next_step(session, cast.anna, step_id=step.id, due_at=earlier)
    assert session.get_one(Deal, deal_id).next_due_at == earlier


def test_postpone_next_step_refuses_past_done_and_changed(session: Session, cast: Cast, deal_id: int) -> None:
    step_id = only_step(session, deal_id).id
    now = utc_now()
    with refused(session, ChangedMeanwhile):
        postpone_next_step(session, cast.anna, step_id=step_id, due_at=now, expected_version=7)
    with refused(session, InvalidInput) as refusal:
        postpone_next_step(session, cast.anna, step_id=step_id, due_at=now, expected_version=1)
    assert refusal.told == [("next_step_past", "next_step")]
    with refused(session, InvalidInput) as refusal:
        postpone_next_step(session, cast.anna, step_id=step_id, due_at=now + 800 * DAY)
    assert refusal.told == [("next_step_too_far", "next_step")]
    complete_next_step(session, cast.anna, step_id=step_id, done=DONE, following=call(now + DAY))
    with refused(session, InvalidInput) as refusal:
        postpone_next_step(session, cast.anna, step_id=step_id, due_at=now + DAY)
    assert refusal.told == [("step_closed", "next_step")]


def test_steps_of_hidden_deals_are_not_there(session: Session, cast: Cast, deal_id: int) -> None:
    step_id = only_step(session, deal_id).id
    due_at = utc_now() + DAY
    for stranger, wanted in ((cast.anton, step_id), (cast.dina, step_id), (cast.anna, 999)):
        with refused(session, NotFound):
            complete_next_step(session, stranger, step_id=wanted, done=DONE, following=call(due_at))
        with refused(session, NotFound):
            postpone_next_step(session, stranger, step_id=wanted, due_at=due_at)
    with refused(session, NotFound):
        plan_next_step(session, cast.anton, deal_id=deal_id, plan=call(due_at))
