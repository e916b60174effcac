"""A chart's figures as a file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from crm.actor import Actor
from crm.analytics.values import Column, Kind
from crm.i18n import _
from crm.pipelines.values import FieldInfo
from crm.ui.dashboard.blocks import Block
from crm.ui.dashboard.cells import cell_text, column_name, columns_of
from crm.ui.dashboard.exporting import Rows, Written, draw_export


def draw_frame_export(actor: Actor, block: Block) -> None:
    """Draw the way to a chart's figures as a file; numbers are written plainly, to be counted with."""
    currency, fields = block.ask.scope.currency, block.fields

    def table(most: int) -> tuple[Sequence[str], Rows]:
        shown = [one for one in columns_of(block.chart, block.ask) if one.kind is not Kind.ID]
        header = [column_name(one.code, fields) + _unit(one, currency) for one in shown]
        rows = (
            [_plain(one, value, currency, fields) for one, value in zip(shown, values, strict=True)]
            for values in block.frame[[one.code for one in shown]].head(most).itertuples(index=False, name=None)
        )
        return header, rows

    draw_export(actor, block.chart.name, table, key=f"export_{block.key}")


def _plain(column: Column, value: Any, currency: str, fields: Sequence[FieldInfo]) -> Written:
    if value is None or pd.isna(value):
        return ""
    if column.kind is Kind.MONEY:
        return round(float(str(value)) / 100, 2)
    if column.kind in (Kind.PERCENT, Kind.HOURS, Kind.NUMBER):
        return round(float(str(value)), 2)
    if column.kind is Kind.COUNT:
        return int(value)
    return str(value) if column.kind is Kind.DAY else cell_text(column, value, currency, fields)


def _unit(column: Column, currency: str) -> str:
    units = {Kind.MONEY: currency, Kind.PERCENT: "%", Kind.HOURS: _("hours")}
    return f", {units[column.kind]}" if column.kind in units else ""
