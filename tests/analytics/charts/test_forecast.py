"""What open deals will bring, worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.analytics.charts import forecast
from crm.analytics.charts.forecast import CHART
from crm.analytics.scope import whole_scope
from crm.analytics.values import Ask
from crm.models import Deal, Stage, Workspace
from tests.analytics.histories import Came, add_history, day
from tests.conftest import Cast
from tests.factories import PipelineRows, add_pipeline

NOW = day(100)  # 15 April 2026, noon in Moscow
COLUMNS = ("due", "month", "deals", "amount_sum", "stage_sum", "history_sum", "without_percent", "without_history")


@pytest.fixture(autouse=True)
def frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let it be the hundredth day."""
    monkeypatch.setattr(forecast, "utc_now", lambda: NOW)


@pytest.fixture
def sales(session: Session, cast: Cast) -> PipelineRows:
    """Return a pipeline whose second stage promises 40 of a hundred."""
    rows = add_pipeline(session)
    session.execute(update(Stage).where(Stage.id == rows.stages[1]).values(win_percent=40))
    return rows


def add_open(
    session: Session, sales: PipelineRows, owner: Actor, due: date | None, stage: int = 1, **columns: Any
) -> int:
    came = [Came(number, 90, owner) for number in range(stage + 1)]
    return add_history(session, sales, came, expected_close_on=due, **columns)


def add_decided(session: Session, sales: PipelineRows, owner: Actor, *, won: int, lost: int, at: float = 1) -> None:
    """Insert deals that came to the second stage and were decided."""
    for number in range(won + lost):
        ends = {"won": at + 2} if number < won else {"lost": at + 2}
        add_history(session, sales, [Came(0, at, owner), Came(1, at + 1, owner)], **ends)  # type: ignore[arg-type]


def rows(session: Session, actor: Actor, columns: Sequence[str] = COLUMNS, **narrowing: Any) -> list[tuple[Any, ...]]:
    """Return the values of some columns, row by row."""
    frame = CHART.frame(session, actor, Ask(replace(whole_scope(session), **narrowing)))
    return [tuple(row[one] for one in columns) for row in frame.to_dict("records")]


def test_late_months_and_none_with_both_chances(session: Session, cast: Cast, sales: PipelineRows) -> None:
    add_decided(session, sales, cast.anna, won=3, lost=9)
    for due in (date(2026, 4, 14), date(2026, 4, 15), date(2026, 4, 30), date(2026, 6, 1), None):
        add_open(session, sales, cast.anna, due)
    assert rows(session, cast.vera) == [
        ("late", None, 1, 100_000, 40_000, 25_000, 0, 0),
        ("month", date(2026, 4, 1), 2, 200_000, 80_000, 50_000, 0, 0),
        ("month", date(2026, 6, 1), 1, 100_000, 40_000, 25_000, 0, 0),
        ("none", None, 1, 100_000, 40_000, 25_000, 0, 0),
    ]


def test_stages_that_promise_nothing_or_have_no_history_stand_apart(
    session: Session, cast: Cast, sales: PipelineRows
) -> None:
    add_decided(session, sales, cast.anna, won=3, lost=6)  # nine are too few
    add_open(session, sales, cast.anna, date(2026, 5, 1), stage=2)
    add_open(session, sales, cast.anna, date(2026, 5, 1), stage=1)
    assert rows(session, cast.vera) == [("month", date(2026, 5, 1), 2, 200_000, 40_000, 0, 1, 2)]


def test_chance_of_nothing_is_a_chance(session: Session, cast: Cast, sales: PipelineRows) -> None:
    session.execute(update(Stage).where(Stage.id == sales.stages[1]).values(win_percent=0))
    add_decided(session, sales, cast.anna, won=0, lost=10)
    add_open(session, sales, cast.anna, date(2026, 5, 1))
    assert rows(session, cast.vera) == [("month", date(2026, 5, 1), 1, 100_000, 0, 0, 0, 0)]


def test_history_is_of_a_year_and_without_invalid_ones(session: Session, cast: Cast, sales: PipelineRows) -> None:
    add_decided(session, sales, cast.anna, won=5, lost=5)
    add_decided(session, sales, cast.anna, won=10, lost=0, at=-300)  # four hundred days ago
    for _number in range(10):
        add_history(session, sales, [Came(0, 1, cast.anna), Came(1, 2, cast.anna)], lost=3, reason=2)
    add_open(session, sales, cast.anna, date(2026, 5, 1))
    assert rows(session, cast.vera, ["history_sum"]) == [(50_000,)]


def test_money_of_another_currency_and_none_add_nothing(session: Session, cast: Cast, sales: PipelineRows) -> None:
    add_open(session, sales, cast.anna, date(2026, 5, 1), currency="USD")
    add_open(session, sales, cast.anna, date(2026, 5, 1), amount_minor=None)
    assert rows(session, cast.vera, ["deals", "amount_sum", "stage_sum"]) == [(2, 0, 0)]


def test_today_is_that_of_the_workspace(
    session: Session, cast: Cast, sales: PipelineRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.execute(update(Workspace).values(timezone="Asia/Tokyo"))
    night = datetime(2026, 5, 1, 1, tzinfo=ZoneInfo("Asia/Tokyo"))  # still April in UTC
    monkeypatch.setattr(forecast, "utc_now", lambda: night)
    add_open(session, sales, cast.anna, date(2026, 4, 30))
    add_open(session, sales, cast.anna, date(2026, 5, 1))
    assert rows(session, cast.vera, ["due", "month"]) == [("late", None), ("month", date(2026, 5, 1))]


def test_scope_narrows_deals_and_the_period_does_not(session: Session, cast: Cast, sales: PipelineRows) -> None:
    add_open(session, sales, cast.anna, date(2026, 5, 1))
    add_open(session, sales, cast.dina, date(2026, 5, 1), source="site")
    long_ago = {"since": date(2025, 1, 1), "until": date(2025, 1, 31)}
    assert rows(session, cast.vera, ["deals"], **long_ago) == [(2,)]
    assert rows(session, cast.vera, ["deals"], owner_ids=(cast.dina.user_id,)) == [(1,)]
    assert rows(session, cast.vera, ["deals"], sources=("",)) == [(1,)]
    assert rows(session, cast.boris, ["deals"]) == [(1,)]


def test_won_lost_and_removed_are_no_forecast(session: Session, cast: Cast, sales: PipelineRows) -> None:
    add_decided(session, sales, cast.anna, won=1, lost=1)
    assert rows(session, cast.vera) == []
    deal_id = add_open(session, sales, cast.anna, NOW.date() + timedelta(days=3))
    assert [row[:3] for row in rows(session, cast.vera)] == [("month", date(2026, 4, 1), 1)]
    assert session.get_one(Deal, deal_id).closed_at is None


def test_drawing_holds_without_months(session: Session, cast: Cast, sales: PipelineRows) -> None:
    add_open(session, sales, cast.anna, None, amount_minor=None)
    frame = CHART.frame(session, cast.vera, Ask(whole_scope(session)))
    assert CHART.figure is not None
    marks = next(iter(CHART.figure(frame, lambda code: code).to_dict()["datasets"].values()))
    assert [(one["due"], one["value"]) for one in marks] == [("due:none", 1)]


def test_sums_of_undated_deals_are_drawn_and_each_bar_opens_the_deals(
    session: Session, cast: Cast, sales: PipelineRows
) -> None:
    add_open(session, sales, cast.anna, None)
    add_open(session, sales, cast.anna, date(2099, 5, 5))
    frame = CHART.frame(session, cast.vera, Ask(whole_scope(session)))
    assert CHART.figure is not None
    marks = next(iter(CHART.figure(frame, lambda code: code).to_dict()["datasets"].values()))
    assert {one["row"] for one in marks} == {0, 1}
    assert {one["part"] for one in marks} == {"amount_sum"}
    assert "due:none" in {one["due"] for one in marks}
