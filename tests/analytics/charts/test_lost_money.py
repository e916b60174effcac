"""Lost money by month, worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.analytics.charts.lost_money import CHART
from crm.analytics.scope import whole_scope
from crm.analytics.values import Ask
from crm.models import Deal, Workspace
from tests.analytics.histories import Came, add_history, day
from tests.analytics.sample import Sample, add_sample
from tests.conftest import Cast
from tests.factories import add_pipeline

JANUARY, FEBRUARY, MARCH = date(2026, 1, 1), date(2026, 2, 1), date(2026, 3, 1)


@pytest.fixture
def sample(session: Session, cast: Cast) -> Sample:
    """Return the small base."""
    return add_sample(session, cast)


def rows(session: Session, actor: Actor, ask: Ask, *columns: str) -> list[tuple[object, ...]]:
    """Return the values of some columns, row by row."""
    frame = CHART.frame(session, actor, ask)
    return [tuple(row[one] for one in columns) for row in frame.to_dict("records")]


def ask_of(session: Session, by: str | None = None, **narrowing: object) -> Ask:
    """Return what the chart is asked for: everything, but for what narrows it."""
    return Ask(replace(whole_scope(session), **narrowing), by)  # type: ignore[arg-type]


def test_months_with_number_sum_and_mean_of_deals_with_an_amount(session: Session, cast: Cast, sample: Sample) -> None:
    # The invalid one of January is no loss; those without an amount or in dollars are counted, but in no sum or mean.
    add_history(session, sample.sales, [Came(0, 9, cast.anna)], lost=12, amount_minor=100_000)
    assert rows(session, cast.vera, ask_of(session), "month", "lost", "lost_sum", "mean_lost") == [
        (JANUARY, 2, 400_000, 200_000),
        (FEBRUARY, 2, 0, None),
        (MARCH, 1, 100_000, 100_000),
    ]


def test_main_reasons_of_a_month_the_most_first(session: Session, cast: Cast, sample: Sample) -> None:
    for at in (60, 61):
        add_history(session, sample.sales, [Came(0, at, cast.anna)], lost=at + 1, reason=0)
    add_history(session, sample.sales, [Came(0, 60, cast.anna)], lost=62, loss_reason_id=None)
    columns = ("reason_1", "reason_1_lost", "reason_2", "reason_2_lost", "reason_3", "reason_3_lost")
    # Of equal numbers the one that nobody named comes before "Other".
    assert rows(session, cast.vera, ask_of(session, since=MARCH), *columns) == [("Price", 2, None, 1, "Other", 1)]
    assert rows(session, cast.vera, ask_of(session, until=date(2026, 1, 31)), *columns) == [("Price", 1, "", 0, "", 0)]


def test_reasons_of_one_name_in_two_pipelines_are_one(session: Session, cast: Cast, sample: Sample) -> None:
    add_history(session, sample.care, [Came(0, 5, cast.boris)], lost=8, reason=0)
    january = ask_of(session, until=date(2026, 1, 31))
    assert rows(session, cast.vera, january, "reason_1", "reason_1_lost", "reason_2_lost") == [("Price", 2, 0)]
    behind = CHART.behind(session, cast.vera, january, {"month": JANUARY}, "reason_1_lost")
    assert len(session.execute(behind).all()) == 2


@pytest.mark.parametrize(
    ("narrowing", "months"),
    [
        ({}, [JANUARY, FEBRUARY, MARCH]),
        ({"since": date(2025, 12, 1)}, [date(2025, 12, 1), JANUARY, FEBRUARY, MARCH]),
        ({"until": date(2026, 4, 2)}, [JANUARY, FEBRUARY, MARCH, date(2026, 4, 1)]),
        ({"since": date(2026, 4, 1)}, []),
        ({"since": date(2026, 4, 1), "until": date(2026, 4, 30)}, [date(2026, 4, 1)]),
    ],
    ids=["all time", "from December", "until April", "open after the last", "an empty month"],
)
def test_months_of_the_period_are_shown_and_open_ends_cut(
    session: Session, cast: Cast, sample: Sample, narrowing: dict[str, object], months: list[date]
) -> None:
    assert rows(session, cast.vera, ask_of(session, **narrowing), "month") == [(one,) for one in months]


def test_month_is_that_of_the_workspace(session: Session, cast: Cast) -> None:
    session.execute(update(Workspace).values(timezone="Asia/Vladivostok"))
    sales = add_pipeline(session)
    deal_id = add_history(session, sales, [Came(0, 20, cast.anna)], lost=26)
    # 31 January 20:00 in UTC is 1 February 06:00 there.
    session.execute(update(Deal).where(Deal.id == deal_id).values(closed_at=day(26) + (day(1) - day(0)) * 11 / 24))
    assert rows(session, cast.vera, ask_of(session), "month", "lost") == [(FEBRUARY, 1)]


def test_split_repeats_the_months_for_each_part(session: Session, cast: Cast, sample: Sample) -> None:
    quarter = {"since": JANUARY, "until": date(2026, 3, 31)}
    assert rows(session, cast.vera, ask_of(session, "owner", **quarter), "owner", "month", "lost") == [
        ("Anna", JANUARY, 1), ("Anna", FEBRUARY, 1), ("Anna", MARCH, 0),
        ("Boris", JANUARY, 0), ("Boris", FEBRUARY, 1), ("Boris", MARCH, 1),
    ]  # fmt: skip
