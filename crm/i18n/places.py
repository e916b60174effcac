"""Time zones, currencies and countries in the reader's words, in the order people look for them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import get_timezone_location
from babel.numbers import get_currency_name

from crm.clock import utc_now
from crm.i18n import current_reader


def timezone_label(name: str) -> str:
    """Return "UTC+3 Moscow", with the offset of today."""
    if name == "UTC":
        return name
    offset = _offset(name)
    minutes = int(abs(offset).total_seconds()) // 60
    hours, rest = divmod(minutes, 60)
    sign = "-" if offset < timedelta() else "+"
    city = get_timezone_location(name, locale=current_reader().language, return_city=True)
    return f"UTC{sign}{hours}{f':{rest:02}' if rest else ''} {city}"


def timezone_choices(names: Iterable[str]) -> list[tuple[str, str]]:
    """Return (name, label) from west to east; of zones with one label the first name stays."""
    ordered = sorted(names, key=lambda name: (_offset(name), timezone_label(name)))
    by_label: dict[str, str] = {}
    for name in ordered:
        by_label.setdefault(timezone_label(name), name)
    return [(name, label) for label, name in by_label.items()]


def currency_label(code: str) -> str:
    """Return "Russian rouble, RUB"."""
    return f"{get_currency_name(code, locale=current_reader().language)}, {code}"


def country_label(code: str) -> str:
    """Return the name of a country, its code where there is no name."""
    return str(Locale(current_reader().language).territories.get(code, code))


def country_choices(codes: Iterable[str]) -> list[tuple[str, str]]:
    """Return (code, name) in alphabetical order of names."""
    return sorted(((code, country_label(code)) for code in codes), key=lambda pair: pair[1])


def _offset(name: str) -> timedelta:
    return utc_now().astimezone(ZoneInfo(name)).utcoffset() or timedelta()
