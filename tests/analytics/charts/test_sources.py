"""Sources, worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.analytics.charts.sources import CHART
from crm.analytics.scope import whole_scope
from crm.analytics.values import Ask
from tests.analytics.histories import Came, add_history
from tests.analytics.sample import Sample, add_sample
from tests.conftest import Cast


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


def test_each_source_with_what_became_of_its_deals(session: Session, cast: Cast, sample: Sample) -> None:
    found = rows(session, cast.vera, ask_of(session), "credit", "source", "came", "won", "lost", "open", "invalid")
    # The client that came back counts twice: among those of no source, and for the refusals.
    assert found == [
        ("first", "call", 3, 1, 1, 1, 0),
        ("first", "site", 3, 1, 1, 1, 1),
        ("first", None, 6, 2, 2, 2, 0),
        ("return", "Refusals", 1, 0, 0, 1, 0),
    ]


def test_conversion_is_over_decided_deals_and_money_over_won_ones(session: Session, cast: Cast, sample: Sample) -> None:
    found = rows(session, cast.vera, ask_of(session), "source", "conversion_decided", "won_sum", "mean_won")
    assert found == [
        ("call", 50, 100_000, 100_000),
        ("site", 50, 500_000, 500_000),
        (None, 50, 800_000, 400_000),
        ("Refusals", None, 0, None),
    ]


def test_median_time_to_the_win_lies_between_two_deals(session: Session, cast: Cast, sample: Sample) -> None:
    # Of no source: won 30 and 9 days after their creation; from the site 20, by a call 40.
    assert rows(session, cast.vera, ask_of(session), "source", "median_hours") == [
        ("call", 40 * 24),
        ("site", 20 * 24),
        (None, 19.5 * 24),
        ("Refusals", None),
    ]


def test_return_credits_both_sources(session: Session, cast: Cast, sample: Sample) -> None:
    came = [Came(0, 40, cast.anna)]
    add_history(session, sample.sales, came, won=44, source="site", return_source="Refusals", amount_minor=200_000)
    found = rows(session, cast.vera, ask_of(session), "credit", "source", "came", "won", "won_sum")
    assert ("first", "site", 4, 2, 700_000) in found
    assert ("return", "Refusals", 2, 1, 200_000) in found


def test_deal_belongs_to_the_day_of_its_creation(session: Session, cast: Cast, sample: Sample) -> None:
    march = ask_of(session, since=date(2026, 2, 20), until=date(2026, 3, 31))
    assert rows(session, cast.vera, march, "credit", "source", "came") == [
        ("first", None, 1),
        ("return", "Refusals", 1),
    ]


def test_campaigns_split_sources(session: Session, cast: Cast, sample: Sample) -> None:
    found = rows(session, cast.vera, ask_of(session, "utm_campaign"), "utm_campaign", "source", "came", "won")
    assert found == [
        ("spring", "site", 1, 1),
        (None, "call", 3, 1),
        (None, "site", 2, 0),
        (None, None, 6, 2),
        (None, "Refusals", 1, 0),
    ]


def test_deal_is_of_its_last_owner(session: Session, cast: Cast, sample: Sample) -> None:
    calls = [
        row for row in rows(session, cast.vera, ask_of(session, "owner"), "owner", "source", "came", "won")
        if row[1] == "call"
    ]  # fmt: skip
    assert calls == [("Boris", "call", 3, 1)]


def test_manager_sees_own_deals_alone(session: Session, cast: Cast, sample: Sample) -> None:
    assert rows(session, cast.anna, ask_of(session), "source", "came") == [("site", 3), (None, 2)]
