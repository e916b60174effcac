"""Frames and lists of deals as files, through the route that asks who fetches them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from crm.actor import Actor
from crm.analytics.listing import ListedDeal, export_behind
from crm.analytics.values import Ask, Chart, Column, Kind
from crm.auth.downloads import Download, offer_download
from crm.auth.permissions import Action, require
from crm.db import read_scope
from crm.i18n import _, current_reader
from crm.imports.cells import csv_bytes, xlsx_bytes
from crm.pipelines.values import FieldInfo
from crm.ui.account_view import present_session
from crm.ui.dashboard.cells import Cell, cell_text, column_name
from crm.ui.download_link import draw_download_link

Rows = Iterable[Sequence[str]]
Table = Callable[[], tuple[Sequence[str], Rows]]
_KINDS: dict[str, tuple[str, Callable[[Sequence[str], Rows], bytes]]] = {
    "csv": ("text/csv; charset=utf-8", csv_bytes),
    "xlsx": ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", xlsx_bytes),
}
_UNFIT = re.compile(r"[^\w.-]+")
_MOST_NAME = 80


def draw_frame_export(
    actor: Actor,
    chart: Chart,
    ask: Ask,
    frame: pd.DataFrame,
    columns: Sequence[Column],
    fields: Sequence[FieldInfo],
    *,
    key: str,
) -> None:
    """Draw the way to a chart's figures as a file; numbers are written plainly, to be counted with."""

    def table() -> tuple[Sequence[str], Rows]:
        shown = [one for one in columns if one.kind is not Kind.ID]
        header = [column_name(one.code, fields) + _unit(one, ask.scope.currency) for one in shown]
        rows = (
            [_plain(one, value, ask.scope.currency, fields) for one, value in zip(shown, values, strict=True)]
            for values in frame[[one.code for one in shown]].itertuples(index=False, name=None)
        )
        return header, rows

    _draw_export(actor, f"{chart.name}", table, key=f"export_{key}")


def draw_list_export(actor: Actor, chart: Chart, ask: Ask, cell: Cell, *, name: str) -> None:
    """Draw the way to the list of deals as a file."""

    def table() -> tuple[Sequence[str], Rows]:
        header = [_("Number"), _("Deal"), _("Client"), _("Owner"), _("Stage"), _("Amount"), _("Currency"), _("When")]
        with read_scope() as session:
            deals = list(export_behind(session, actor, chart, ask, cell.row, cell.door.code))
        return header, (_deal_row(one) for one in deals)

    _draw_export(actor, name, table, key="export_list")


def _draw_export(actor: Actor, name: str, table: Table, *, key: str) -> None:
    kind = st.menu_button(
        _("Export"), list(_KINDS), key=key, icon=":material/download:", type="tertiary", format_func=str.upper
    )
    if kind is None:
        return
    require(actor, Action.EXPORT_RECORDS)
    session_row = present_session()
    if session_row is None:
        return
    media_type, write = _KINDS[kind]
    file_name = f"{_UNFIT.sub('_', name).strip('_')[:_MOST_NAME]}.{kind}"
    download = Download(file_name, media_type, write(*table()))
    draw_download_link(offer_download(download, user_id=session_row.user_id, session_id=session_row.id), file_name)


def _deal_row(deal: ListedDeal) -> list[str]:
    at = deal.at.astimezone(current_reader().zone)
    amount = "" if deal.amount_minor is None else _decimal(deal.amount_minor / 100)
    return [str(deal.id), deal.title, deal.client or "", deal.owner, deal.stage, amount, deal.currency,
            at.strftime("%Y-%m-%d %H:%M")]  # fmt: skip


def _plain(column: Column, value: Any, currency: str, fields: Sequence[FieldInfo]) -> str:
    if value is None or pd.isna(value):
        return ""
    if column.kind is Kind.MONEY:
        return _decimal(float(str(value)) / 100)
    if column.kind in (Kind.PERCENT, Kind.HOURS, Kind.NUMBER):
        return _decimal(float(str(value)))
    if column.kind is Kind.COUNT:
        return str(value)
    return str(value) if column.kind is Kind.DAY else cell_text(column, value, currency, fields)


def _decimal(value: float) -> str:
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return text.replace(".", ",") if current_reader().language == "ru" else text


def _unit(column: Column, currency: str) -> str:
    units = {Kind.MONEY: currency, Kind.PERCENT: "%", Kind.HOURS: _("hours")}
    return f", {units[column.kind]}" if column.kind in units else ""
