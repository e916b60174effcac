"""Named periods as days, and the days they are compared with."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from crm.analytics.scope import Scope
from crm.ui.dashboard.periods import CUSTOM, PERIODS, period_days, scope_before

TODAY, FIRST = date(2026, 11, 22), date(2024, 2, 29)
SCOPE = Scope(zone="Europe/Moscow", currency="RUB")


@pytest.mark.parametrize(
    ("period", "since", "until"),
    [
        ("this-month", date(2026, 11, 1), TODAY),
        ("last-month", date(2026, 10, 1), date(2026, 10, 31)),
        ("this-quarter", date(2026, 10, 1), TODAY),
        ("last-quarter", date(2026, 7, 1), date(2026, 9, 30)),
        ("this-year", date(2026, 1, 1), TODAY),
        ("last-year", date(2025, 1, 1), date(2025, 12, 31)),
        ("days-30", date(2026, 10, 24), TODAY),
        ("days-90", date(2026, 8, 25), TODAY),
        ("months-12", date(2025, 12, 1), TODAY),
        ("all", date(2024, 2, 1), TODAY),
    ],
)
def test_period_has_its_days(period: str, since: date, until: date) -> None:
    assert period_days(period, TODAY, FIRST) == (since, until)


def test_every_period_but_own_dates_has_days() -> None:
    for period in PERIODS:
        if period != CUSTOM:
            since, until = period_days(period, TODAY, FIRST)
            assert since <= until


def test_january_looks_back_into_the_year_before() -> None:
    assert period_days("last-month", date(2026, 1, 31), FIRST) == (date(2025, 12, 1), date(2025, 12, 31))
    assert period_days("last-quarter", date(2026, 1, 31), FIRST) == (date(2025, 10, 1), date(2025, 12, 31))


@pytest.mark.parametrize(
    ("period", "today", "since", "until"),
    [
        ("this-month", TODAY, date(2026, 10, 1), date(2026, 10, 22)),
        ("this-month", date(2026, 3, 31), date(2026, 2, 1), date(2026, 2, 28)),  # no longer than the month before
        ("this-year", TODAY, date(2025, 1, 1), date(2025, 11, 22)),
        ("last-month", TODAY, date(2026, 9, 1), date(2026, 9, 30)),
        ("days-30", TODAY, date(2026, 9, 24), date(2026, 10, 23)),
    ],
)
def test_running_period_is_compared_with_as_many_days(period: str, today: date, since: date, until: date) -> None:
    start, end = period_days(period, today, FIRST)
    before = scope_before(replace(SCOPE, since=start, until=end), period)
    assert (before.since, before.until) == (since, until)
