"""Reading typed values from cells: dates in three orders, yes and no, priorities, several phones in one cell; pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from crm.imports.mapping import DateOrder, folded
from crm.models.codes import Priority

_DATE = re.compile(
    r"(?P<a>\d{1,4})\s*[-./]\s*(?P<b>\d{1,2})\s*[-./]\s*(?P<c>\d{1,4})(?:\s*г\.?)?"
    r"(?:(?:\s+|T|,\s*)(?P<h>\d{1,2}):(?P<m>\d{2})(?::(?P<s>\d{2})(?:[.,]\d+)?)?(?:\s*(?P<half>[AaPp])\.?[Mm]\.?)?"
    r"(?:\s*(?P<zone>Z|[+-]\d{2}:?\d{2}))?)?",
)
_YEARS = range(1900, 2101)
_YES = frozenset({"yes", "y", "true", "1", "да", "д", "истина", "+", "✓"})
_NO = frozenset({"no", "n", "false", "0", "нет", "н", "ложь", "-"})
_PRIORITIES = {
    Priority.HOT: ("hot", "high", "горячий", "горячая", "высокий", "срочно"),
    Priority.WARM: ("warm", "medium", "normal", "теплый", "теплая", "средний", "обычный"),
    Priority.COLD: ("cold", "low", "холодный", "холодная", "низкий"),
}
_PRIORITY_WORDS = {word: priority for priority, words in _PRIORITIES.items() for word in words}
_CURRENCY_SIGNS = {
    "₽": "RUB", "руб": "RUB", "р.": "RUB", "$": "USD", "€": "EUR", "₸": "KZT",
    "rub": "RUB", "usd": "USD", "eur": "EUR", "kzt": "KZT",
}  # fmt: skip
_SEPARATORS = re.compile(r"[,;\n|]+")


@dataclass(frozen=True, slots=True)
class DateEvidence:
    """What a column's cells say about the order of day, month and year.

    Counts of cells that fit one order only, of cells that fit both day-first and month-first, and whether those are
    written with dots.
    """

    ymd: int = 0
    dmy: int = 0
    mdy: int = 0
    either: int = 0
    dotted: int = 0
    unreadable: int = 0

    def __add__(self, other: DateEvidence) -> DateEvidence:
        """Add the counts of two columns."""
        return DateEvidence(
            self.ymd + other.ymd,
            self.dmy + other.dmy,
            self.mdy + other.mdy,
            self.either + other.either,
            self.dotted + other.dotted,
            self.unreadable + other.unreadable,
        )

    @property
    def order(self) -> DateOrder | None:
        """Return the order that cells prove, None where they leave it open."""
        if self.dmy or self.mdy:
            return DateOrder.DMY if self.dmy >= self.mdy else DateOrder.MDY
        if self.dotted and self.dotted == self.either:
            return DateOrder.DMY  # nobody writes month.day.year
        return DateOrder.YMD if self.ymd and not self.either else None


def date_evidence(text: str) -> DateEvidence:
    """Return what one cell says; a blank one says nothing."""
    if not text.strip():
        return DateEvidence()
    found = _DATE.fullmatch(text.strip())
    if found is None:
        return DateEvidence(unreadable=1)
    if len(found["a"]) == 4:
        return DateEvidence(ymd=1)
    first, second = int(found["a"]), int(found["b"])
    if first > 12 >= second:
        return DateEvidence(dmy=1)
    if second > 12 >= first:
        return DateEvidence(mdy=1)
    dotted = 1 if "." in text.partition(":")[0] else 0
    return DateEvidence(either=1, dotted=dotted) if first <= 12 else DateEvidence(unreadable=1)


def parse_moment(text: str, order: DateOrder, zone: ZoneInfo) -> datetime | None:
    """Read a date with or without a time as an instant in UTC; without one it is the day's first moment in the zone.

    A year that stands first with four digits is always year, month, day. Blank text is None.
    Errors: ValueError.
    """
    found = _matched(text)
    if found is None:
        return None
    at = time(_hour(found), int(found["m"] or 0), int(found["s"] or 0))
    local = datetime.combine(_day(found, order), at)
    return local.replace(tzinfo=_zone(found["zone"]) or zone).astimezone(UTC)


def parse_day(text: str, order: DateOrder) -> date | None:
    """Read a date, whatever time stands behind it; blank text is None.

    Errors: ValueError.
    """
    found = _matched(text)
    return None if found is None else _day(found, order)


def parse_yes_no(text: str) -> bool | None:
    """Read yes or no in English or Russian; blank text is None.

    Errors: ValueError.
    """
    word = folded(text)
    if not word:
        return None
    if word in _YES:
        return True
    if word in _NO:
        return False
    raise ValueError(text)


def parse_priority(text: str) -> Priority | None:
    """Read a priority by its word; blank text is None.

    Errors: ValueError.
    """
    word = folded(text)
    if not word:
        return None
    if word not in _PRIORITY_WORDS:
        raise ValueError(text)
    return _PRIORITY_WORDS[word]


def currency_in(text: str) -> str | None:
    """Return the currency whose sign stands beside an amount."""
    lowered = text.casefold()
    return next((code for sign, code in _CURRENCY_SIGNS.items() if sign in lowered), None)


def split_values(text: str) -> list[str]:
    """Return the values of a cell that holds several."""
    return [part for part in (one.strip() for one in _SEPARATORS.split(text)) if part]


def _matched(text: str) -> re.Match[str] | None:
    if not text.strip():
        return None
    found = _DATE.fullmatch(text.strip())
    if found is None:
        raise ValueError(text)
    return found


def _day(found: re.Match[str], order: DateOrder) -> date:
    a, b, c = found["a"], found["b"], found["c"]
    if len(a) == 4 or order is DateOrder.YMD:
        year, month, day = a, b, c
    elif order is DateOrder.DMY:
        day, month, year = a, b, c
    else:
        month, day, year = a, b, c
    if len(year) not in {2, 4}:
        raise ValueError(found.string)
    number = int(year) + (0 if len(year) == 4 else 2000 if int(year) < 70 else 1900)
    if number not in _YEARS:
        raise ValueError(found.string)
    return date(number, int(month), int(day))


def _hour(found: re.Match[str]) -> int:
    hour, half = int(found["h"] or 0), (found["half"] or "").lower()
    if not half:
        return hour
    if hour not in range(1, 13):
        raise ValueError(found.string)
    return hour % 12 + (12 if half == "p" else 0)


def _zone(text: str | None) -> tzinfo | None:
    if text is None:
        return None
    if text == "Z":
        return UTC
    sign = -1 if text[0] == "-" else 1
    return timezone(sign * timedelta(hours=int(text[1:3]), minutes=int(text[-2:])))
