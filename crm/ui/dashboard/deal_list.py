"""The deals behind a number: the number again in words, a page of deals, the whole list as a file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil

import streamlit as st

from crm.actor import Actor
from crm.analytics.listing import Listed, ListedDeal, count_behind, list_behind
from crm.analytics.values import Ask, Chart, Kind
from crm.auth.permissions import Action, may
from crm.db import read_scope
from crm.i18n import _, ngettext
from crm.i18n.analytics_formats import grouped
from crm.i18n.formats import moment, money, number, short_money
from crm.models import DealStatus
from crm.pipelines.values import FieldInfo
from crm.ui.component import browser_script
from crm.ui.dashboard.address import OPEN, OPEN_PAGE, changed_address
from crm.ui.dashboard.cells import Cell, column_name, row_name
from crm.ui.dashboard.exporting import draw_list_export
from crm.ui.device import is_phone
from crm.ui.markdown import md
from crm.ui.nav import page_link

PAGE_ROWS = 20
LIST = "deals_behind"
_WIDTHS = [9, 6, 4, 5, 4, 4]
_STATUS = {DealStatus.WON: ":green[:material/check_circle:]", DealStatus.LOST: ":orange[:material/cancel:]"}


def draw_deals(
    actor: Actor,
    chart: Chart,
    ask: Ask,
    cell: Cell,
    *,
    fields: Sequence[FieldInfo],
    words: str,
    with_pipeline: bool,
    on_close: Callable[[], None],
) -> None:
    """Draw the list behind a number; `words` tell the scope."""

    def close() -> None:
        on_close()
        changed_address({OPEN: None, OPEN_PAGE: None})

    with read_scope() as session:
        listed = count_behind(session, actor, chart, ask, cell.row, cell.door.code)
        last = max(ceil(listed.rows / PAGE_ROWS), 1)
        page = min(_asked_page(), last)
        deals = list_behind(
            session, actor, chart, ask, cell.row, cell.door.code, offset=(page - 1) * PAGE_ROWS, limit=PAGE_ROWS
        )
    name = row_name(chart, ask, cell.row, fields, with_pipeline=with_pipeline)
    title = f"{name} · {column_name(cell.door.code, fields).lower()}: {_amount_of(listed, cell, ask)}"
    browser_script("scroll_to")(
        key="deals_behind_scroll", data={"target": LIST, "token": f"{st.query_params.get(OPEN)} {page}"}, height=1
    )
    with st.container(border=True, key=LIST):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.markdown(f"**{md(title)}**")
            st.button(_("Close the list"), icon=":material/close:", type="tertiary", key="deals_behind_close",
                      on_click=close)  # fmt: skip
        st.caption(md(words))
        if not deals:
            st.caption(_("No deals stand behind this number."))
            return
        _draw_rows(deals)
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            _draw_pages(page, last, listed)
            if may(actor, Action.EXPORT_RECORDS):
                draw_list_export(actor, chart, ask, cell, name=title)


def _amount_of(listed: Listed, cell: Cell, ask: Ask) -> str:
    """Return the number again: a count with the sum beside it, a sum with the count."""
    rows = grouped(ngettext("{n} deal", "{n} deals", listed.rows), listed.rows)
    if listed.rows != listed.deals:
        deals = grouped(ngettext("{n} deal", "{n} deals", listed.deals), listed.deals)
        rows = _("{rows} times, {deals}", rows=number(listed.rows), deals=deals)
    if cell.door.kind is Kind.MONEY:
        return f"{money(listed.amount_minor, ask.scope.currency)}, {rows}"
    return f"{rows}, {short_money(listed.amount_minor, ask.scope.currency)}" if listed.amount_minor else rows


def _draw_rows(deals: Sequence[ListedDeal]) -> None:
    if is_phone():
        for number_, deal in enumerate(deals):
            with st.container(gap=None, border=True, key=f"deals_behind_{number_}"):
                page_link("deal", _title(deal), deal=deal.id)
                about = (deal.client, deal.owner, deal.stage, _worth(deal), moment(deal.at))
                st.caption(" · ".join(md(one) for one in about if one))
        return
    titles = (_("Deal"), _("Client"), _("Owner"), _("Stage"), _("Amount"), _("When"))
    for column, title in zip(st.columns(_WIDTHS), titles, strict=True):
        column.caption(title)
    with st.container(gap="xxsmall", key="deals_behind_rows"):
        for deal in deals:
            first, *rest = st.columns(_WIDTHS, vertical_alignment="center")
            with first:
                page_link("deal", _title(deal), deal=deal.id)
            texts = (deal.client or "—", deal.owner, deal.stage, _worth(deal), moment(deal.at))
            for column, text in zip(rest, texts, strict=True):
                column.markdown(f":small[{md(text)}]")


def _title(deal: ListedDeal) -> str:
    return f"{_STATUS.get(deal.status, '')} \\#{deal.id} {md(deal.title)}".strip()


def _worth(deal: ListedDeal) -> str:
    return money(deal.amount_minor, deal.currency)


def _asked_page() -> int:
    asked = st.query_params.get(OPEN_PAGE, "1")
    return max(int(asked), 1) if asked.isascii() and asked.isdigit() and len(asked) < 10 else 1


def _draw_pages(page: int, last: int, listed: Listed) -> None:
    if last == 1:
        return
    first = (page - 1) * PAGE_ROWS + 1
    key = f"deals_behind_page_{page}"  # the address says which page it is, not what was clicked before
    st.caption(
        _("{first}–{last} of {total}", first=number(first), last=number(min(page * PAGE_ROWS, listed.rows)),
          total=number(listed.rows))
    )  # fmt: skip
    st.pagination(
        last, default=page, key=key, on_change=lambda: changed_address({OPEN_PAGE: str(st.session_state[key])})
    )
