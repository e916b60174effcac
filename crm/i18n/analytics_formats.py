"""Figures as the reader writes them: shares, hours, months, weeks; what number axes need to know of a language."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from babel.dates import format_date as babel_date
from babel.numbers import format_decimal, get_decimal_symbol, get_group_symbol

from crm.i18n import _, current_reader
from crm.i18n.formats import day, number

NOTHING = "—"
_HOURS_OF_DAY = 24


def grouped(told: str, n: int) -> str:
    """Return a sentence with its number written in groups, as the reader writes large ones."""
    return told.replace(str(n), number(n), 1)


def percent_text(value: float | None) -> str:
    """Format parts in a hundred: "38.5%", "38,5 %"; a dash for nothing to divide by."""
    return NOTHING if value is None else _("{value}%", value=rounded(value))


def hours_text(hours: float | None) -> str:
    """Format hours in the unit that suits them: "12 min", "7.5 h", "3.2 d"."""
    if hours is None:
        return NOTHING
    if hours < 1:
        return _("{n} min", n=number(round(hours * 60)))
    if hours < 2 * _HOURS_OF_DAY:
        return _("{n} h", n=rounded(hours))
    return _("{n} d", n=rounded(hours / _HOURS_OF_DAY))


def rounded(value: float) -> str:
    """Format a number with one digit behind the mark, none where it is large."""
    return format_decimal(round(value, 1 if abs(value) < 100 else 0), locale=current_reader().language)


def month_text(first: date) -> str:
    """Format a month by its first day: "Nov 2026", "нояб. 2026"."""
    return babel_date(first, "LLL y", locale=current_reader().language)


def week_text(monday: date) -> str:
    """Format a week by its first day: "2 – 8 Nov"."""
    return days_text(monday, monday + timedelta(days=6))


def days_text(first: date, last: date) -> str:
    """Format days from the first to the last: "24 Aug – 22 Nov 2026"."""
    if first == last:
        return day(first)
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day} – {day(last)}"
    if first.year != last.year:  # the year belongs to both, this one's too
        pattern, language = "d MMM y", current_reader().language
        return " – ".join(babel_date(one, pattern, locale=language) for one in (first, last))
    return f"{day(first)} – {day(last)}"


def number_locale() -> dict[str, Any]:
    """Return how the reader writes numbers, in the words of d3's locales."""
    language = current_reader().language
    return {
        "decimal": get_decimal_symbol(language),
        "thousands": get_group_symbol(language),
        "grouping": [3],
        "currency": ["", ""],
    }
