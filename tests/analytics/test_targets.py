"""Plans: who may set them for whom, what is refused, what is told of it."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.analytics.targets import MOST, TargetRow, load_targets, set_target, set_targets
from crm.errors import Forbidden, InvalidInput, NotFound
from crm.i18n.event_texts import event_sentence
from crm.models import Event, Target, TargetMetric
from crm.ui.journal import shown_value
from tests.conftest import Cast
from tests.factories import add_pipeline

MAY = date(2026, 5, 1)
SUM = TargetMetric.WON_SUM


def plans(session: Session, actor: Actor) -> list[TargetRow]:
    return load_targets(session, actor, [MAY, date(2026, 6, 1)], SUM)


def test_plan_is_set_changed_and_taken_back(session: Session, cast: Cast) -> None:
    set_target(session, cast.vera, month=date(2026, 5, 17), metric=SUM, value=100)
    assert plans(session, cast.vera) == [TargetRow(MAY, SUM, None, None, 100)]
    set_target(session, cast.vera, month=MAY, metric=SUM, value=200)
    set_target(session, cast.vera, month=MAY, metric=SUM, value=200)  # nothing happens
    assert plans(session, cast.vera) == [TargetRow(MAY, SUM, None, None, 200)]
    set_target(session, cast.vera, month=MAY, metric=SUM, value=None)
    set_target(session, cast.vera, month=MAY, metric=SUM, value=None)
    assert plans(session, cast.vera) == []
    told = session.scalars(select(Event).where(Event.kind == "target.set").order_by(Event.id)).all()
    assert [one.details["changes"]["plan_minor"] for one in told] == [[None, 100], [100, 200], [200, None]]
    assert {one.details["month"] for one in told} == {"2026-05-01"}


def test_journal_tells_whose_plan_of_what(session: Session, cast: Cast) -> None:
    sales = add_pipeline(session)
    set_target(
        session, cast.vera, month=MAY, metric=SUM, value=100, user_id=cast.anna.user_id, pipeline_id=sales.id
    )  # fmt: skip
    told = session.scalars(select(Event).where(Event.kind == "target.set")).one()
    sentence = event_sentence(told.kind, told.details)
    assert sentence == "Set the plan for May 2026: money won, Anna, First sales"
    assert shown_value("plan_minor", 123_456, {}) == "1,234.56"


def test_plans_of_company_people_and_pipelines_stand_apart(session: Session, cast: Cast) -> None:
    sales = add_pipeline(session)
    whose = [(None, None), (cast.anna.user_id, None), (None, sales.id), (cast.anna.user_id, sales.id)]
    for number, (user_id, pipeline_id) in enumerate(whose):
        set_target(
            session, cast.vera, month=MAY, metric=SUM, value=number, user_id=user_id, pipeline_id=pipeline_id
        )  # fmt: skip
    assert {(one.user_id, one.pipeline_id, one.value) for one in plans(session, cast.vera)} == {
        (user_id, pipeline_id, number) for number, (user_id, pipeline_id) in enumerate(whose)
    }


def test_head_plans_for_people_in_sight_alone(session: Session, cast: Cast) -> None:
    set_target(session, cast.boris, month=MAY, metric=SUM, value=5, user_id=cast.anna.user_id)
    with pytest.raises(Forbidden):
        set_target(session, cast.boris, month=MAY, metric=SUM, value=5)
    with pytest.raises(NotFound):
        set_target(session, cast.boris, month=MAY, metric=SUM, value=5, user_id=cast.dina.user_id)
    with pytest.raises(Forbidden):
        set_target(session, cast.anna, month=MAY, metric=SUM, value=5, user_id=cast.anna.user_id)
    with pytest.raises(NotFound):
        set_target(session, cast.vera, month=MAY, metric=SUM, value=5, pipeline_id=404)


def test_each_sees_the_companys_plans_and_those_of_people_in_sight(session: Session, cast: Cast) -> None:
    for user in (None, cast.anna, cast.dina):
        set_target(session, cast.vera, month=MAY, metric=SUM, value=5, user_id=user.user_id if user else None)
    assert [one.user_id for one in plans(session, cast.anna)] == [None, cast.anna.user_id]
    assert [one.user_id for one in plans(session, cast.dina)] == [None, cast.dina.user_id]
    assert len(plans(session, cast.vera)) == 3


@pytest.mark.parametrize("value", [-1, MOST + 1])
def test_plan_out_of_range_is_refused(session: Session, cast: Cast, value: int) -> None:
    with pytest.raises(InvalidInput) as refused:
        set_target(session, cast.vera, month=MAY, metric=SUM, value=value)
    assert [(one.code, one.field) for one in refused.value.violations] == [("target_out_of_range", "value")]


def test_year_is_set_at_once_or_not_at_all(session: Session, cast: Cast) -> None:
    year = {date(2026, month, 1): 100 * month for month in range(1, 13)}
    set_targets(session, cast.vera, values=year, metric=SUM)
    assert dict(session.execute(select(Target.month, Target.value)).all()) == year
    with pytest.raises(InvalidInput) as refused:
        set_targets(session, cast.vera, values={**year, MAY: 7, date(2026, 6, 1): -1}, metric=SUM)
    assert [(one.code, one.field) for one in refused.value.violations] == [("target_out_of_range", "2026-06")]
    assert dict(session.execute(select(Target.month, Target.value)).all()) == year
    set_targets(session, cast.vera, values=dict.fromkeys(year), metric=SUM)
    assert session.scalars(select(Target.id)).all() == []
