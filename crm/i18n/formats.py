"""Money, numbers, dates and durations as the reader expects them; parsing of typed amounts."""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal

from babel.dates import format_date as babel_date
from babel.dates import format_datetime as babel_datetime
from babel.dates import format_time as babel_time
from babel.numbers import format_decimal, get_currency_symbol, get_decimal_symbol

from crm.clock import utc_now
from crm.i18n import _, current_reader, ngettext

MAX_AMOUNT_MINOR = 10**15

# Babel knows only the wide symbols: "RUB" in English.
_SYMBOLS = {"RUB": "₽", "KZT": "₸", "UAH": "₴", "BYN": "Br", "GEL": "₾", "AMD": "֏", "AZN": "₼", "TRY": "₺"}
_CURRENCY_WORDS = ("₽", "руб.", "руб", "р.", "RUB", "USD", "EUR", "KZT", "$", "€", "₸")
_PLAIN = re.compile(r"(?P<whole>[0-9]*)([.,](?P<minor>[0-9]{0,2}))?")
_GROUPED = re.compile(
    r"(?P<whole>[1-9][0-9]{0,2}(?P<mark>[ ',.])[0-9]{3}((?P=mark)[0-9]{3})*)((?!(?P=mark))[.,](?P<minor>[0-9]{1,2}))?"
)


def money(amount_minor: int | None, currency: str) -> str:
    """Format minor units with the currency, without empty kopecks: "320 000 ₽"; an em dash for none."""
    if amount_minor is None:
        return "—"
    digits = "#,##0.00" if amount_minor % 100 else "#,##0"
    shown = format_decimal(Decimal(abs(amount_minor)) / 100, format=digits, locale=current_reader().language)
    return _with_symbol(shown, currency, negative=amount_minor < 0)


def short_money(amount_minor: int, currency: str) -> str:
    """Format a sum for a narrow place: "3,4 млн ₽", "320 тыс. ₽", "₽3.4M"."""
    value = Decimal(abs(amount_minor)) / 100
    for size, pattern in ((10**9, _("{value}bn")), (10**6, _("{value}M")), (10**3, _("{value}K"))):
        scaled = value / size
        if round(scaled, 3) >= 1:
            shown = pattern.format(value=number(round(scaled, 1 if scaled < 100 else 0)))
            return _with_symbol(shown, currency, negative=amount_minor < 0)
    return money(round(Decimal(amount_minor) / 100) * 100, currency)


def number(value: int | float | Decimal) -> str:
    """Format a plain number with the reader's separators."""
    return format_decimal(value, locale=current_reader().language)


def decimal_mark() -> str:
    """Return the mark between whole units and hundredths, as the reader writes it."""
    return get_decimal_symbol(current_reader().language)


def day(value: date) -> str:
    """Format a date, with the year where it is not this one: "21 Nov", "21 нояб. 2025"."""
    this_year = utc_now().astimezone(current_reader().zone).year
    pattern = "d MMM" if value.year == this_year else "d MMM y"
    return babel_date(value, pattern, locale=current_reader().language)


def moment(value: datetime) -> str:
    """Format an instant in the reader's zone: "today 11:00", "21 Nov 09:30"."""
    reader = current_reader()
    local = value.astimezone(reader.zone)
    clock = babel_time(local, "HH:mm", locale=reader.language)
    away = (local.date() - utc_now().astimezone(reader.zone).date()).days
    if away in {-1, 0, 1}:
        name = {-1: _("yesterday"), 0: _("today"), 1: _("tomorrow")}[away]
        return f"{name} {clock}"
    return f"{day(local.date())} {clock}"


def full_moment(value: datetime) -> str:
    """Format an instant with its year, for logs: "21 Nov 2026, 09:30:15"."""
    reader = current_reader()
    return babel_datetime(value.astimezone(reader.zone), "d MMM y, HH:mm:ss", locale=reader.language)


def duration(seconds: int) -> str:
    """Format a length of time in its largest unit: "3 d", "5 h", "12 min"."""
    if seconds >= 86400:
        return _("{n} d", n=seconds // 86400)
    if seconds >= 3600:
        return _("{n} h", n=seconds // 3600)
    return _("{n} min", n=max(seconds, 0) // 60)


def days_away(due: datetime) -> str:
    """Say how late or how far an instant is: "2 days late", "in 3 days"."""
    zone = current_reader().zone
    away = (due.astimezone(zone).date() - utc_now().astimezone(zone).date()).days
    if away < 0:
        return ngettext("{n} day late", "{n} days late", -away)
    if away == 0:
        return _("late today") if due < utc_now() else _("today")
    return ngettext("in {n} day", "in {n} days", away)


def parse_amount(text: str) -> int | None:
    """Read a typed amount as minor units: "1 250 000,50 ₽" is 125000050; blank text is None.

    A comma or dot before one or two last digits is the decimal mark; before whole groups of three, a thousands mark.
    Errors: ValueError for anything else, a negative or a too large sum.
    """
    cleaned = " ".join(text.split())  # also no-break and thin spaces
    for word in _CURRENCY_WORDS:
        cleaned = cleaned.removesuffix(word).removeprefix(word).strip()
    if not cleaned:
        return None
    found = _PLAIN.fullmatch(cleaned) or _GROUPED.fullmatch(cleaned)
    if found is None or not any(char.isdigit() for char in cleaned) or len(cleaned) > 40:
        raise ValueError(text)
    whole, minor = re.sub("[^0-9]", "", found["whole"]), (found["minor"] or "").ljust(2, "0")
    amount_minor = int(f"{whole}{minor}")
    if amount_minor > MAX_AMOUNT_MINOR:
        raise ValueError(text)
    return amount_minor


def _with_symbol(shown: str, currency: str, *, negative: bool) -> str:
    language, sign = current_reader().language, "-" if negative else ""
    symbol = _SYMBOLS.get(currency) or get_currency_symbol(currency, locale=language)
    if language == "ru":
        return f"{sign}{shown}\u00a0{symbol}"
    return f"{sign}{symbol}\u00a0{shown}" if symbol.isalpha() else f"{sign}{symbol}{shown}"
