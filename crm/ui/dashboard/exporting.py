"""Frames and lists of deals as files, through the route that asks who fetches them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

import streamlit as st

from crm.actor import Actor
from crm.analytics.listing import ListedDeal, export_behind
from crm.analytics.values import Ask, Chart
from crm.auth.downloads import Download, offer_download
from crm.auth.exports import note_export
from crm.auth.permissions import Action, require
from crm.db import read_scope, session_scope
from crm.i18n import _, current_reader
from crm.i18n.formats import number
from crm.imports.cells import csv_bytes, xlsx_bytes
from crm.ui.account_view import present_session
from crm.ui.dashboard.address import present_address
from crm.ui.dashboard.cells import Cell
from crm.ui.download_link import draw_download_link

Written = str | float
Rows = Iterable[Sequence[Written]]
Table = Callable[[int], tuple[Sequence[str], Rows]]  # given how many rows are wanted at most
_KINDS: dict[str, tuple[str, Callable[[Sequence[str], Rows], bytes]]] = {
    "csv": ("text/csv; charset=utf-8", lambda header, rows: csv_bytes(header, _as_text(rows))),
    "xlsx": ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", xlsx_bytes),
}
MOST_ROWS = {"csv": 200_000, "xlsx": 20_000}  # in a file: making it must take seconds, and its memory
_UNFIT = re.compile(r"[^\w.-]+")
_MOST_NAME = 80


class Bounded:
    """Rows up to a limit, and whether there were more."""

    def __init__(self, rows: Rows, most: int) -> None:
        """Take rows and how many of them may come."""
        self._rows, self._most = rows, most
        self.is_cut = False
        self.count = 0

    def __iter__(self) -> Iterator[Sequence[Written]]:
        """Give the rows; what is cut is known at the end."""
        rows = iter(self._rows)
        for one in islice(rows, self._most):
            self.count += 1
            yield one
        self.is_cut = next(rows, None) is not None


def draw_export(actor: Actor, name: str, table: Table, *, key: str) -> None:
    """Draw the choice of a format; the table is made when one is chosen, its link stands there then."""
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
    header, rows = table(MOST_ROWS[kind] + 1)
    bounded = Bounded(rows, MOST_ROWS[kind])
    download = Download(file_name, media_type, write(header, bounded))
    with session_scope() as session:
        note_export(session, actor, name=name, file_format=kind, rows=bounded.count, narrowed=present_address())
    draw_download_link(offer_download(download, user_id=session_row.user_id, session_id=session_row.id), file_name)
    if bounded.is_cut:
        _tell_cut(kind)


def _tell_cut(kind: str) -> None:
    told = _("The file ends after {n} rows, the list goes on.", n=number(MOST_ROWS[kind]))
    if kind == "xlsx":
        told += " " + _("As CSV {n} rows fit.", n=number(MOST_ROWS["csv"]))
    st.warning(f"{told} {_('A shorter period or a filter brings the rest.')}", icon=":material/content_cut:")


def _as_text(rows: Rows) -> Iterator[list[str]]:
    return ([one if isinstance(one, str) else plain_number(one) for one in row] for row in rows)


def plain_number(value: float) -> str:
    """Return a number for a table program of the reader's country: up to two digits behind the mark, no groups."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return text.replace(".", ",") if current_reader().language == "ru" else text


def draw_list_export(actor: Actor, chart: Chart, ask: Ask, cell: Cell, *, name: str) -> None:
    """Draw the way to the list of deals as a file."""

    def table(most: int) -> tuple[Sequence[str], Rows]:
        header = [_("Number"), _("Deal"), _("Client"), _("Owner"), _("Stage"), _("Amount"), _("Currency"), _("When")]
        with read_scope() as session:
            deals = list(export_behind(session, actor, chart, ask, cell.row, cell.door.code, limit=most))
        return header, (_deal_row(one) for one in deals)

    draw_export(actor, name, table, key="export_list")


def _deal_row(deal: ListedDeal) -> list[Written]:
    at = deal.at.astimezone(current_reader().zone)
    amount = "" if deal.amount_minor is None else deal.amount_minor / 100
    return [deal.id, deal.title, deal.client or "", deal.owner, deal.stage, amount, deal.currency,
            at.strftime("%Y-%m-%d %H:%M")]  # fmt: skip
