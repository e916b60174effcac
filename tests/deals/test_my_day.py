"""A person's day."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.deals.moves import Move, lose_deal
from crm.deals.my_day import MyDay, load_my_day
from crm.deals.next_steps import plan_next_step
from crm.deals.values import LossAnswer, StepPlan
from crm.models import DealContact, NextStep, Priority, StepKind
from tests.conftest import Cast
from tests.factories import PipelineRows, add_closed_deal, add_company, add_contact, add_deal
from tests.stopped_clock import StopClock

NOW = datetime(2026, 3, 2, 20, 30, tzinfo=UTC)  # 23:30 in Moscow
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def late_evening(stop_clock: StopClock) -> None:
    stop_clock(NOW)


def day_of(session: Session, cast: Cast) -> MyDay:
    return load_my_day(session, cast.anna, owner_id=cast.anna.user_id or 0)


def counts(day: MyDay) -> tuple[int, int, int, int]:
    return day.overdue_count, day.today_count, day.later_count, day.without_step_count


def test_day_without_deals_is_empty(session: Session, cast: Cast) -> None:
    assert day_of(session, cast) == MyDay((), (), (), 0, 0, 0, 0)


def test_steps_are_overdue_today_or_later_in_the_readers_zone(
    session: Session, cast: Cast, pipeline: PipelineRows
) -> None:
    second = timedelta(seconds=1)
    late = add_deal(session, cast.anna, pipeline, due_in=-second)
    now = add_deal(session, cast.anna, pipeline, due_in=0 * second)
    before_midnight = add_deal(session, cast.anna, pipeline, due_in=HOUR / 2 - second)
    add_deal(session, cast.anna, pipeline, due_in=HOUR / 2)
    none = add_deal(session, cast.anna, pipeline, due_in=None)
    day = day_of(session, cast)
    assert counts(day) == (1, 2, 1, 1)
    assert [item.deal_id for item in day.overdue] == [late]
    assert [item.deal_id for item in day.today] == [now, before_midnight]
    assert [item.deal_id for item in day.without_step] == [none]
    in_london = load_my_day(session, replace(cast.anna, timezone="Europe/London"), owner_id=cast.anna.user_id or 0)
    assert counts(in_london) == (1, 3, 0, 1)


def test_hot_ones_lead_then_the_earliest(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    warm = add_deal(session, cast.anna, pipeline, due_in=-3 * DAY)
    hot = add_deal(session, cast.anna, pipeline, due_in=-HOUR, priority=Priority.HOT)
    hotter = add_deal(session, cast.anna, pipeline, due_in=-2 * HOUR, priority=Priority.HOT)
    cold = add_deal(session, cast.anna, pipeline, due_in=-9 * DAY, priority=Priority.COLD)
    assert [item.deal_id for item in day_of(session, cast).overdue] == [hotter, hot, warm, cold]
    idle = [add_deal(session, cast.anna, pipeline, due_in=None, priority=one) for one in (2, 0, 1)]
    assert [item.deal_id for item in day_of(session, cast).without_step] == [idle[1], idle[2], idle[0]]


def test_item_tells_deal_client_stage_and_step(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    company, person = add_company(session, cast.anna, "Mir LLC"), add_contact(session, cast.anna, "Olga")
    of_company = add_deal(session, cast.anna, pipeline, 1, due_in=-HOUR, company_id=company, amount_minor=5)
    of_person = add_deal(session, cast.anna, pipeline, due_in=None)
    session.add(DealContact(deal_id=of_company, contact_id=person, position=0))
    session.add(DealContact(deal_id=of_person, contact_id=person, position=0))
    session.flush()
    day = day_of(session, cast)
    late, idle = day.overdue[0], day.without_step[0]
    assert (late.deal_id, late.title, late.client, late.stage_name) == (
        of_company, "Metal sheet", "Mir LLC", "Need found"
    )  # fmt: skip
    assert (late.step_kind, late.step_text, late.due_at) == (StepKind.CALL, "Call about the offer", NOW - HOUR)
    assert late.step_id == session.scalars(select(NextStep.id).where(NextStep.deal_id == of_company)).one()
    assert (late.amount_minor, late.currency, late.priority) == (5, "RUB", Priority.WARM)
    assert (idle.client, idle.step_id, idle.due_at) == ("Olga", None, None)


def test_every_open_step_counts_and_belongs_to_its_own_owner(
    session: Session, cast: Cast, pipeline: PipelineRows
) -> None:
    deal_id = add_deal(session, cast.anna, pipeline, due_in=-HOUR)
    later = NOW + 10 * timedelta(minutes=1)
    plan_next_step(session, cast.anna, deal_id=deal_id, plan=StepPlan(StepKind.EMAIL, later))
    plan = StepPlan(StepKind.REVIEW, later, owner_id=cast.boris.user_id)
    plan_next_step(session, cast.anna, deal_id=deal_id, plan=plan)
    assert counts(day_of(session, cast)) == (1, 1, 0, 0)
    of_boris = load_my_day(session, cast.boris, owner_id=cast.boris.user_id or 0)
    assert [(item.deal_id, item.step_kind) for item in of_boris.today] == [(deal_id, StepKind.REVIEW)]


def test_closed_deals_are_not_in_the_day(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    add_closed_deal(session, cast.anna, pipeline)
    deal_id = add_deal(session, cast.anna, pipeline, due_in=-HOUR)
    lose_deal(session, cast.anna, deal_id=deal_id, move=Move(0, loss=LossAnswer(pipeline.reasons[0])))
    assert day_of(session, cast) == MyDay((), (), (), 0, 0, 0, 0)


def test_groups_show_the_first_and_count_all(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    for _ in range(4):
        add_deal(session, cast.anna, pipeline, due_in=-HOUR)
        add_deal(session, cast.anna, pipeline, due_in=None)
    day = load_my_day(session, cast.anna, owner_id=cast.anna.user_id or 0, shown=3)
    assert (len(day.overdue), len(day.without_step)) == (3, 3)
    assert counts(day) == (4, 0, 0, 4)


def test_day_of_somebody_unseen_is_empty(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    for due_in in (-HOUR, timedelta(minutes=5), DAY, None):
        add_deal(session, cast.anna, pipeline, due_in=due_in)
    for actor, seen in ((cast.boris, True), (cast.vera, True), (cast.anton, False), (cast.dina, False)):
        day = load_my_day(session, actor, owner_id=cast.anna.user_id or 0)
        assert counts(day) == ((1, 1, 1, 1) if seen else (0, 0, 0, 0))
        assert len(day.overdue + day.today + day.without_step) == (3 if seen else 0)
