"""What a scope asks of fields, in the reader's words."""

from __future__ import annotations

from datetime import date

from crm.analytics.choices import ScopeChoices
from crm.analytics.scope import Scope
from crm.analytics.segments import AMOUNT, NO, RANGES, YES, End, Range, read_range
from crm.i18n import _
from crm.i18n.analytics_formats import days_text
from crm.i18n.formats import day, money, number
from crm.i18n.texts import field_name
from crm.models import FieldType
from crm.pipelines.values import FieldInfo


def is_offered(known: ScopeChoices, key: str, value: str) -> bool:
    """Tell whether a segment can be chosen: a code has to be one of its field's."""
    field = field_of(known, key)
    return field is None or not field.options or any(one.code == value for one in field.options)


def segment_words(known: ScopeChoices, scope: Scope) -> list[str]:
    """Return what each segment says: "Industry: Trade", "Budget: ₽100 – ₽500", "Amount: from ₽100"."""
    told = []
    for key, value in scope.segments:
        field = field_of(known, key)
        if field is not None or key == AMOUNT:
            told.append(f"{field.name if field else field_name(key)}: {_value(field, value, scope.currency)}")
    return told


def field_of(known: ScopeChoices, key: str) -> FieldInfo | None:
    """Return a field by its key; None for the deal's own amount, and for what is no field."""
    return next((one for one in known.narrowing if one.key == key), None)


def yes_no() -> dict[str, str]:
    """Return the words of yes and no by their codes."""
    return {YES: _("Yes"), NO: _("No")}


def _value(field: FieldInfo | None, value: str, currency: str) -> str:
    kind = FieldType.MONEY if field is None else field.type
    part = read_range(kind, value) if kind in RANGES else None
    if part is not None:
        return _range(kind, part, currency)
    return yes_no()[value] if kind is FieldType.YES_NO else field.option_name(value) if field else value


def _range(kind: FieldType, part: Range, currency: str) -> str:
    ends = [_end(kind, one, currency) for one in (part.least, part.most) if one is not None]
    if isinstance(part.least, date) and isinstance(part.most, date):
        return days_text(part.least, part.most)
    if part.most is None:
        return (_("since {value}") if kind is FieldType.DATE else _("from {value}")).format(value=ends[0])
    if part.least is None:
        return (_("until {value}") if kind is FieldType.DATE else _("up to {value}")).format(value=ends[0])
    return ends[0] if part.least == part.most else " – ".join(ends)


def _end(kind: FieldType, end: End, currency: str) -> str:
    if isinstance(end, date):
        return day(end)
    return money(int(end * 100), currency) if kind is FieldType.MONEY else number(end)
