"""Cells of frames: as text in the reader's language, as tables, as doors that an address names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import quote

import pandas as pd

from crm.analytics.population import MONTH, OWNER, PIPELINE, PRIORITY, TEAM, WEEK
from crm.analytics.values import Ask, Chart, Column, Kind
from crm.i18n import _
from crm.i18n.analytics_formats import NOTHING, hours_text, month_text, percent_text, rounded, week_text
from crm.i18n.analytics_texts import nothing_stated, value_word, word
from crm.i18n.formats import money, number
from crm.i18n.labels import label
from crm.models import Priority
from crm.pipelines.values import CUSTOM_PREFIX, FieldInfo

_IDS = (OWNER, TEAM, PIPELINE)
MARK = "~"


@dataclass(frozen=True, slots=True)
class Cell:
    """A number that opens: the row of the frame, the code of the door."""

    row: Mapping[str, Any]
    door: Column

    @property
    def value(self) -> Any:
        """Return the number itself."""
        return self.row[self.door.code]


def split_of(by: str | None) -> tuple[Column, ...]:
    """Return the columns that a split by `by` puts before a chart's own."""
    if by is None:
        return ()
    if by in _IDS:
        return Column(f"{by}_id", Kind.ID), Column(by, Kind.NAME)
    return (Column(by, Kind.DAY if by in (MONTH, WEEK) else Kind.CODE),)


def columns_of(chart: Chart, ask: Ask) -> tuple[Column, ...]:
    """Return the columns of the chart's frame."""
    split = split_of(ask.by)
    own = {one.code for one in split}
    return (*split, *(one for one in chart.columns if one.code not in own))


def key_columns(chart: Chart, ask: Ask) -> tuple[str, ...]:
    """Return the codes of the columns that name a row: the split's first, then the chart's keys."""
    return (*(one.code for one in split_of(ask.by)[:1]), *chart.keys)


def cell_address(name: str, chart: Chart, ask: Ask, row: Mapping[str, Any], door: str) -> str:
    """Return the text by which an address names a number: the block, the door, the row's keys."""
    return MARK.join((name, door, *(_written(row[one]) for one in key_columns(chart, ask))))


def addressed_cell(address: str, name: str, chart: Chart, ask: Ask, frame: pd.DataFrame) -> Cell | None:
    """Return the number that an address names in this frame; None where it names another block's, or none."""
    block, _mark, rest = address.partition(MARK)
    door_code, _mark, _keys = rest.partition(MARK)
    door = next((one for one in chart.columns if one.code == door_code and one.is_door), None)
    if block != name or door is None:
        return None
    keys = key_columns(chart, ask)
    for place, values in enumerate(zip(*(frame[one] for one in keys), strict=True) if keys else [()] * len(frame)):
        if MARK.join((name, door_code, *(_written(one) for one in values))) == address:
            return Cell(frame_row(frame, place), door)
    return None


def frame_row(frame: pd.DataFrame, place: int) -> dict[str, Any]:
    """Return a row of a frame by its place."""
    return {str(code): value for code, value in frame.iloc[place].items()}


def frame_rows(frame: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Return every row of a frame."""
    codes = [str(one) for one in frame.columns]
    return (dict(zip(codes, values, strict=True)) for values in frame.itertuples(index=False, name=None))


def doors(chart: Chart) -> tuple[Column, ...]:
    """Return the columns whose numbers open."""
    return tuple(one for one in chart.columns if one.is_door)


def column_name(code: str, fields: Sequence[FieldInfo]) -> str:
    """Return the reader's name of a column; a field's is its own."""
    if code.startswith(CUSTOM_PREFIX):
        return next((one.name for one in fields if one.key == code), code)
    return word(code)


def cell_text(column: Column, value: Any, currency: str, fields: Sequence[FieldInfo]) -> str:
    """Return a value as the reader writes it."""
    if value is None or (isinstance(value, float) and value != value):  # noqa: PLR0124 - a missing number
        return NOTHING if column.kind not in (Kind.NAME, Kind.CODE) else nothing_stated(column.code)
    return _TEXTS[column.kind](column, value, currency, fields)


def row_name(
    chart: Chart, ask: Ask, row: Mapping[str, Any], fields: Sequence[FieldInfo], *, with_pipeline: bool
) -> str:
    """Return what a row of a frame is about: "Anna · Offer sent"."""
    told = (Kind.NAME, Kind.DAY, Kind.CODE)
    named = [
        one
        for one in columns_of(chart, ask)
        if one.kind in told
        and (one.code != PIPELINE or with_pipeline or ask.by == PIPELINE)
        and _is_key(chart, ask, one)
    ]
    return " · ".join(cell_text(one, row[one.code], ask.scope.currency, fields) for one in named) or _("All deals")


def _is_key(chart: Chart, ask: Ask, column: Column) -> bool:
    keys = key_columns(chart, ask)
    return column.code in keys or f"{column.code}_id" in keys or column.code == PIPELINE


def _written(value: Any) -> str:
    if value is None or (isinstance(value, float) and value != value):  # noqa: PLR0124
        return "-"
    text = value.isoformat() if isinstance(value, date) else str(value)
    return quote(text, safe=" ").replace(MARK, "%7E").replace("-", "%2D") if isinstance(value, str) else text


def _day(column: Column, value: Any, currency: str, fields: Sequence[FieldInfo]) -> str:
    del currency, fields
    return week_text(value) if WEEK in column.code else month_text(value)


def _code(column: Column, value: Any, currency: str, fields: Sequence[FieldInfo]) -> str:
    del currency
    if column.code.startswith(CUSTOM_PREFIX):
        return next((one.option_name(value) for one in fields if one.key == column.code), str(value))
    return label(Priority[value]) if column.code == PRIORITY else value_word(column.code, str(value))


_TEXTS: Mapping[Kind, Callable[[Column, Any, str, Sequence[FieldInfo]], str]] = {
    Kind.ID: lambda column, value, currency, fields: str(value),
    Kind.NAME: lambda column, value, currency, fields: str(value),
    Kind.CODE: _code,
    Kind.DAY: _day,
    Kind.COUNT: lambda column, value, currency, fields: number(int(value)),
    Kind.MONEY: lambda column, value, currency, fields: money(round(float(value) / 100) * 100, currency),
    Kind.PERCENT: lambda column, value, currency, fields: percent_text(float(value)),
    Kind.HOURS: lambda column, value, currency, fields: hours_text(float(value)),
    Kind.NUMBER: lambda column, value, currency, fields: rounded(float(value)),
    Kind.FLAG: lambda column, value, currency, fields: _("Yes") if value else _("No"),
}
