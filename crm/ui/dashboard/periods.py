"""Periods that people name, as days; and the days before them, to compare with."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from crm.analytics.scope import Scope
from crm.i18n import N_

ALL, CUSTOM, USUAL = "all", "dates", "days-90"
PERIODS: dict[str, str] = {
    "this-month": N_("This month"),
    "last-month": N_("Last month"),
    "this-quarter": N_("This quarter"),
    "last-quarter": N_("Last quarter"),
    "this-year": N_("This year"),
    "last-year": N_("Last year"),
    "days-30": N_("Last 30 days"),
    "days-90": N_("Last 90 days"),
    "months-12": N_("Last 12 months"),
    ALL: N_("All time"),
    CUSTOM: N_("From … to …"),
}
_MONTHS = {"month": 1, "quarter": 3, "year": 12}


def period_days(period: str, today: date, first: date) -> tuple[date, date]:
    """Return the first and the last day of a named period; all time begins with the month of `first`.

    Errors: KeyError for dates of one's own and unknown names.
    """
    if period == ALL:
        return min(first, today).replace(day=1), today
    kind, _, rest = period.partition("-")
    if kind == "days":
        return today - timedelta(days=int(rest) - 1), today
    if kind == "months":
        return _months_on(today.replace(day=1), 1 - int(rest)), today
    months = _MONTHS[rest]
    since = _months_on(today.replace(day=1), -((today.month - 1) % months))
    if kind == "this":
        return since, today
    return _months_on(since, -months), since - timedelta(days=1)


def scope_before(scope: Scope, period: str) -> Scope:
    """Return the scope of the period before; of one that still runs, as many days of the one before."""
    kind, _, rest = period.partition("-")
    if kind != "this":
        return scope.previous()
    since = _months_on(scope.since, -_MONTHS[rest])
    until = min(since + (scope.until - scope.since), scope.since - timedelta(days=1))
    return replace(scope, since=since, until=until)


def _months_on(first_of_month: date, months: int) -> date:
    number = first_of_month.year * 12 + first_of_month.month - 1 + months
    return date(number // 12, number % 12 + 1, 1)
