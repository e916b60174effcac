"""Which plan stands beside a figure."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.analytics import plans
from crm.analytics.plans import plans_of
from crm.analytics.scope import whole_scope
from crm.analytics.targets import set_target
from crm.analytics.values import Ask
from crm.models import Priority, TargetMetric, User
from tests.conftest import Cast
from tests.factories import add_pipeline

SUM = TargetMetric.WON_SUM


@pytest.fixture(autouse=True)
def frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let it be the middle of June 2026."""
    monkeypatch.setattr(plans, "utc_now", lambda: datetime(2026, 6, 15, 12, tzinfo=UTC))


def put(
    session: Session, cast: Cast, value: int, *, month: int = 5, user: Actor | None = None, pipeline: int | None = None
) -> None:
    set_target(
        session, cast.vera, month=date(2026, month, 1), metric=SUM, value=value, pipeline_id=pipeline,
        user_id=user.user_id if user else None,
    )  # fmt: skip


def planned(
    session: Session, actor: Actor, value: Any = None, by: str | None = None, *, until: date = date(2026, 5, 31),
    **narrowing: Any,
) -> int | None:  # fmt: skip
    scope = replace(whole_scope(session), **({"since": date(2026, 5, 1), "until": until} | narrowing))
    return plans_of(session, actor, Ask(scope, by))(value).get(SUM)


def test_company_has_its_own_plan_else_the_sum_of_peoples(session: Session, cast: Cast) -> None:
    assert planned(session, cast.vera) is None
    put(session, cast, 30, user=cast.anna)
    put(session, cast, 20, user=cast.dina)
    assert planned(session, cast.vera) == 50
    put(session, cast, 70)
    assert planned(session, cast.vera) == 70


def test_scope_of_people_and_teams_has_theirs(session: Session, cast: Cast) -> None:
    put(session, cast, 70)
    assert planned(session, cast.vera, owner_ids=(cast.anna.user_id,)) is None
    put(session, cast, 30, user=cast.anna)
    put(session, cast, 20, user=cast.dina)
    dina = session.get_one(User, cast.dina.user_id)
    assert planned(session, cast.vera, owner_ids=(cast.anna.user_id,)) == 30
    assert planned(session, cast.vera, team_ids=(dina.team_id,)) == 20
    assert planned(session, cast.vera, cast.dina.user_id, "owner") == 20
    assert planned(session, cast.vera, dina.team_id, "team") == 20
    assert planned(session, cast.vera, None, "owner") is None
    assert planned(session, cast.vera, None, "team") is None


def test_head_has_the_sum_of_people_in_sight(session: Session, cast: Cast) -> None:
    put(session, cast, 70)
    put(session, cast, 30, user=cast.anna)
    put(session, cast, 20, user=cast.dina)
    assert (planned(session, cast.boris), planned(session, cast.anna), planned(session, cast.anton)) == (30, 30, None)


def test_all_pipelines_have_the_plan_for_all_else_the_sum(session: Session, cast: Cast) -> None:
    first, second = add_pipeline(session).id, add_pipeline(session, name="Care").id
    put(session, cast, 30, pipeline=first)
    assert planned(session, cast.vera, pipeline_ids=(first,)) == 30
    assert planned(session, cast.vera, pipeline_ids=(second,)) is None
    put(session, cast, 20, pipeline=second)
    assert planned(session, cast.vera) == planned(session, cast.vera, pipeline_ids=(first, second)) == 50
    assert planned(session, cast.vera, second, "pipeline") == 20
    put(session, cast, 90)
    assert planned(session, cast.vera) == planned(session, cast.vera, pipeline_ids=(first, second)) == 90
    assert planned(session, cast.vera, pipeline_ids=(first,)) == 30


def test_plan_of_the_only_pipeline_is_that_of_all(session: Session, cast: Cast) -> None:
    only = add_pipeline(session).id
    put(session, cast, 90)
    assert planned(session, cast.vera, pipeline_ids=(only,)) == 90


def test_longer_time_has_a_plan_where_each_month_has(session: Session, cast: Cast) -> None:
    put(session, cast, 10, month=4)
    put(session, cast, 20)
    assert planned(session, cast.vera, since=date(2026, 4, 1)) == 30
    assert planned(session, cast.vera, since=date(2026, 3, 1)) is None


def test_only_whole_months_and_the_present_one_have_plans(session: Session, cast: Cast) -> None:
    put(session, cast, 20)
    put(session, cast, 40, month=6)
    assert planned(session, cast.vera, since=date(2026, 5, 2)) is None
    assert planned(session, cast.vera, until=date(2026, 5, 30)) is None
    assert planned(session, cast.vera, until=date(2026, 6, 15)) == 60  # until today
    assert planned(session, cast.vera, until=date(2026, 6, 14)) is None
    by_month = [planned(session, cast.vera, number, "month", since=date(2026, 5, 2), until=date(2026, 6, 15))
                for number in (0, 1)]  # fmt: skip
    assert by_month == [None, 40]


@pytest.mark.parametrize(
    "narrowing", [{"sources": ("site",)}, {"priorities": (Priority.HOT,)}, {"segments": (("field:1", "1"),)}], ids=str
)
def test_part_of_the_deals_has_no_plan(session: Session, cast: Cast, narrowing: dict[str, Any]) -> None:
    put(session, cast, 20)
    assert planned(session, cast.vera, **narrowing) is None


@pytest.mark.parametrize("by", ["week", "source"])
def test_splits_without_plans_have_none(session: Session, cast: Cast, by: str) -> None:
    put(session, cast, 20)
    assert planned(session, cast.vera, 0, by) is None
