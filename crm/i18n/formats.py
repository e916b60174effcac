"""Money, numbers, dates and durations as the reader expects them; parsing of typed amounts."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal, InvalidOperation

from babel.dates import format_date as babel_date
from babel.dates import format_datetime as babel_datetime
from babel.dates import format_time as babel_time
from babel.numbers import format_currency, format_decimal, get_currency_symbol

from crm.clock import utc_now
from crm.i18n import _, current_reader, ngettext

MAX_AMOUNT_MINOR = 10**15
_BLANKS = dict.fromkeys(map(ord, "   ' \t"), None)


def money(amount_minor: int | None, currency: str) -> str:
    """Format minor units with the currency, without empty kopecks: "320 000 ₽"; an em dash for none."""
    if amount_minor is None:
        return "—"
    value = Decimal(amount_minor) / 100
    pattern = "#,##0.00 ¤" if amount_minor % 100 else "#,##0 ¤"
    if current_reader().language == "en":
        pattern = "¤#,##0.00" if amount_minor % 100 else "¤#,##0"
    return format_currency(value, currency, format=pattern, locale=current_reader().language, currency_digits=False)


def short_money(amount_minor: int, currency: str) -> str:
    """Format a sum for a narrow place: "3,4 млн ₽", "320 тыс. ₽"."""
    value = Decimal(amount_minor) / 100
    symbol = get_currency_symbol(currency, locale=current_reader().language)
    for size, unit in ((10**9, _("bn")), (10**6, _("M")), (10**3, _("K"))):
        if abs(value) >= size:
            shown = number(round(value / size, 1 if abs(value) < 100 * size else 0))
            return _("{symbol}{value} {unit}", symbol=symbol, value=shown, unit=unit)
    return money(round(value) * 100, currency)


def number(value: int | float | Decimal) -> str:
    """Format a plain number with the reader's separators."""
    return format_decimal(value, locale=current_reader().language)


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

    A single comma or dot followed by one or two digits is the decimal mark; otherwise marks group thousands.
    Errors: ValueError for anything else, a negative or a too large sum.
    """
    cleaned = text.translate(_BLANKS).strip()
    for sign in ("₽", "руб.", "руб", "р.", "RUB", "USD", "EUR", "KZT", "$", "€", "₸"):
        cleaned = cleaned.removesuffix(sign).removeprefix(sign)
    if not cleaned:
        return None
    try:
        value = Decimal(_plain_decimal(cleaned))
    except InvalidOperation as error:
        raise ValueError(text) from error
    minor = value * 100
    if not value.is_finite() or minor != minor.to_integral_value() or not 0 <= minor <= MAX_AMOUNT_MINOR:
        raise ValueError(text)
    return int(minor)


def _plain_decimal(text: str) -> str:
    if not all(char.isascii() and (char.isdigit() or char in ".,-") for char in text):
        raise InvalidOperation
    last = max(text.rfind(","), text.rfind("."))
    if last < 0:
        return text
    whole, tail = text[:last].replace(",", "").replace(".", ""), text[last + 1 :]
    grouped = text.count(text[last]) > 1 or len(tail) == 3
    return whole + tail if grouped else f"{whole}.{tail}"
