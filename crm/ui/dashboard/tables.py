"""A frame as a table whose numbers open: written as the reader writes, sorted as numbers."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from crm.analytics.values import Column, Kind
from crm.i18n import _
from crm.i18n.analytics_formats import NOTHING
from crm.i18n.analytics_texts import meaning_of
from crm.ui.dashboard.blocks import TABLE, Block
from crm.ui.dashboard.cells import cell_text, column_name
from crm.ui.device import is_phone

_NUMBERS = (Kind.COUNT, Kind.MONEY, Kind.PERCENT, Kind.HOURS, Kind.NUMBER)
_DOOR_INK = {"light": "#0b5f6b", "dark": "#5fc1cd"}  # as links
MOST_STYLED = 1500  # cells; styling more would be felt at each click
ROWS_SHOWN = 14
_ROW_HEIGHT = 35
_LETTER, _SIDES, _WIDEST = 7, 24, (320, 200)  # pixels of a letter, of a cell's sides, of the first name, of others
_PHONE_FIRST, _PHONE_TEXT = 144, 120  # pixels of names: numbers stay in sight


def draw_table(block: Block, columns: Sequence[Column]) -> None:
    """Draw the frame's columns, ids aside; a click on a door's number opens its deals."""
    shown = [one for one in columns if one.kind is not Kind.ID]
    frame = _typed(block, shown)
    key = block.widget_key(TABLE)
    openable = {one.code for one in shown if one.is_door}

    def choose() -> None:
        for place, code in st.session_state[key]["selection"]["cells"]:
            if code in openable and block.frame.iloc[place][code]:
                block.open(place, code, part=TABLE)

    currency = block.ask.scope.currency
    is_small = frame.size <= MOST_STYLED
    st.dataframe(
        _styled(frame, shown, currency, block) if is_small else frame.round(1),
        hide_index=True,
        height="content" if len(frame) <= ROWS_SHOWN else (ROWS_SHOWN + 1) * _ROW_HEIGHT,
        column_config={
            one.code: _config(one, block, list(frame[one.code]), place=number, is_styled=is_small)
            for number, one in enumerate(shown)
        },
        key=key,
        on_select=choose,
        selection_mode="single-cell",
        placeholder=NOTHING,
        alt=column_name(block.chart.name, ()),
    )


def _typed(block: Block, columns: Sequence[Column]) -> pd.DataFrame:
    """Return the table's frame: numbers as numbers, so that they sort; the rest as text."""
    currency = block.ask.scope.currency
    found: dict[str, Any] = {}
    for one in columns:
        values = block.frame[one.code]
        if one.kind in _NUMBERS:
            scale = 100 if one.kind is Kind.MONEY else 1
            found[one.code] = pd.to_numeric(values, errors="coerce") / scale
        elif one.kind is Kind.DAY:
            found[one.code] = pd.to_datetime(values)
        else:
            found[one.code] = [cell_text(one, value, currency, block.fields) for value in values]
    return pd.DataFrame(found)


def _styled(frame: pd.DataFrame, columns: Sequence[Column], currency: str, block: Block) -> Any:
    def writer(column: Column) -> Callable[[Any], str]:
        scale = 100 if column.kind is Kind.MONEY else 1
        return lambda value: (
            NOTHING if pd.isna(value) else cell_text(column, _unscaled(value, scale), currency, block.fields)
        )

    ink = door_ink()
    doors: list[Hashable] = [one.code for one in columns if one.is_door]
    writers: dict[Any, Any] = {one.code: writer(one) for one in columns if one.kind in (*_NUMBERS, Kind.DAY)}
    styler = frame.style.format(writers)
    return styler.map(lambda value: f"color: {ink}" if value and not pd.isna(value) else "", subset=doors)


def door_ink() -> str:
    """Return the colour of numbers that open, on the reader's ground."""
    return _DOOR_INK.get(st.context.theme.type or "light", _DOOR_INK["light"])


def _unscaled(value: Any, scale: int) -> Any:
    return value.date() if isinstance(value, pd.Timestamp) else value * scale


def _config(column: Column, block: Block, texts: Sequence[Any], *, place: int, is_styled: bool) -> Any:
    name, told = column_name(column.code, block.fields), meaning_of(column.code, block.chart.name)
    pinned = place == 0 and not is_phone()
    if column.kind in _NUMBERS:
        units = {Kind.PERCENT: ", %", Kind.MONEY: f", {block.ask.scope.currency}", Kind.HOURS: f", {_('hours')}"}
        unit = "" if is_styled else units.get(column.kind, "")
        return st.column_config.NumberColumn(name + unit, help=told, format=None if is_styled else "localized")
    if column.kind is Kind.DAY:
        return st.column_config.DateColumn(name, help=told, pinned=pinned, format=None if is_styled else "MM.YYYY")
    width = _wide([name, *texts], (_PHONE_FIRST if place == 0 else _PHONE_TEXT) if is_phone() else _WIDEST[place > 0])
    return st.column_config.TextColumn(name, help=told, pinned=pinned, width=width)


def _wide(texts: Sequence[str], most: int) -> int:
    """Return the width of names, which no drawing of the browser's own cuts then."""
    return min(max((len(one) for one in texts), default=0) * _LETTER + _SIDES, most)
