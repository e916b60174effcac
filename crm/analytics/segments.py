"""What a scope asks of fields: pairs of a field's key and a value as an address holds them, read and as conditions.

Of choices and yes or no the value is a code; of numbers, money and days it is a range with both ends in it,
"100..500", either of them open: money in whole units of the currency, days as ISO 8601 writes them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, TypeAlias, cast

from sqlalchemy import ColumnElement, and_, func, or_

from crm.models import Deal, FieldType
from crm.pipelines.values import CUSTOM_PREFIX

AMOUNT = "amount"  # the key of the deal's own amount
YES, NO = "yes", "no"
RANGES = frozenset({FieldType.NUMBER, FieldType.MONEY, FieldType.DATE})
CODES = frozenset({FieldType.CHOICE, FieldType.MULTI_CHOICE, FieldType.YES_NO})
EARLIEST, LATEST = date(1900, 1, 1), date(2199, 12, 31)
_OPEN = ".."
_NUMBER = re.compile(r"-?[0-9]{1,16}([.][0-9]{1,15})?")
_MONEY = re.compile(r"[0-9]{1,14}([.][0-9]{1,2})?")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

Pairs: TypeAlias = Sequence[tuple[str, str]]
End: TypeAlias = Decimal | date


@dataclass(frozen=True, slots=True)
class Range:
    """Where a value lies, both ends included; an end of None is open."""

    least: End | None
    most: End | None

    @property
    def is_crossed(self) -> bool:
        """Tell whether the ends are in the wrong order; both are of one kind."""
        return self.least is not None and self.most is not None and self.least > self.most  # type: ignore[operator]

    @property
    def text(self) -> str:
        """Return the range as an address holds it."""
        return _OPEN.join("" if one is None else _written(one) for one in (self.least, self.most))


def read_range(kind: FieldType, text: str) -> Range | None:
    """Return the range of a field of this type, its ends in their order; None for what is no such range."""
    first, mark, last = text.partition(_OPEN)
    if not mark or text == _OPEN:
        return None
    try:
        least, most = (_END[kind](one) if one else None for one in (first, last))
    except ValueError:
        return None
    return Range(most, least) if Range(least, most).is_crossed else Range(least, most)


def readable(pairs: Pairs, types: Mapping[str, FieldType]) -> tuple[tuple[str, str], ...]:
    """Return the pairs that narrow anything, ranges written in the one way; the rest is left out."""
    found = []
    for key, text in pairs:
        kind = FieldType.MONEY if key == AMOUNT else types.get(key)
        part = read_range(kind, text) if kind in RANGES else None
        if part is not None:
            found.append((key, part.text))
        elif kind in CODES and text and (kind is not FieldType.YES_NO or text in (YES, NO)):
            found.append((key, text))
    return tuple(dict.fromkeys(found))


def conditions(pairs: Pairs, types: Mapping[str, FieldType], currency: str) -> list[ColumnElement[bool]]:
    """Return what deals have to be: values of one field are alternatives, fields narrow together.

    A deal without a value is out; so is one of another currency where its amount is asked.
    """
    by_field: dict[str, list[str]] = {}
    for key, text in readable(pairs, types):
        by_field.setdefault(key, []).append(text)
    return [_condition(key, texts, types, currency) for key, texts in by_field.items()]


def stored_value(key: str) -> Any:
    """Return a field's value on a deal as JSON."""
    return Deal.custom[key.removeprefix(CUSTOM_PREFIX)]


def _condition(key: str, texts: list[str], types: Mapping[str, FieldType], currency: str) -> ColumnElement[bool]:
    if key == AMOUNT:
        ranges = [_between(Deal.amount_minor, FieldType.MONEY, one) for one in texts]
        return and_(Deal.currency == currency, or_(*ranges))
    kind, value = types[key], stored_value(key)
    if kind is FieldType.CHOICE:
        return cast(ColumnElement[bool], value.as_string().in_(texts))
    if kind is FieldType.YES_NO:
        return or_(*(value.as_boolean().is_(one == YES) for one in texts))
    if kind is FieldType.MULTI_CHOICE:
        # A list of codes as text, which both engines write with each code in quotes.
        return or_(*(func.replace(value.as_string(), f'"{one}"', "") != value.as_string() for one in texts))
    return or_(*(_between(_COLUMN[kind](value), kind, one) for one in texts))


def _between(column: Any, kind: FieldType, text: str) -> ColumnElement[bool]:
    part = read_range(kind, text)
    if part is None:
        raise ValueError(text)
    ends = []
    if part.least is not None:
        ends.append(column >= _STORED[kind](part.least))
    if part.most is not None:
        ends.append(column <= _STORED[kind](part.most))
    return and_(*ends)


def _written(end: End) -> str:
    return end.isoformat() if isinstance(end, date) else f"{end.normalize():f}"


def _matched(pattern: re.Pattern[str], text: str) -> Decimal:
    if not pattern.fullmatch(text):
        raise ValueError(text)
    return Decimal(text)


def _day(text: str) -> date:
    if not _DAY.fullmatch(text):  # other ways to write a day are not meant
        raise ValueError(text)
    return min(max(date.fromisoformat(text), EARLIEST), LATEST)


_END: Mapping[FieldType, Callable[[str], End]] = {
    FieldType.NUMBER: lambda text: _matched(_NUMBER, text),
    FieldType.MONEY: lambda text: _matched(_MONEY, text),
    FieldType.DATE: _day,
}
# As fractions: PostgreSQL's whole numbers out of JSON are too short for money.
_COLUMN: Mapping[FieldType, Callable[[Any], Any]] = {
    FieldType.NUMBER: lambda value: value.as_float(),
    FieldType.MONEY: lambda value: value.as_float(),
    FieldType.DATE: lambda value: value.as_string(),
}
_STORED: Mapping[FieldType, Callable[[Any], Any]] = {
    FieldType.NUMBER: float,
    FieldType.MONEY: lambda end: int(end * 100),
    FieldType.DATE: date.isoformat,
}
