"""Key figures as a table: a row for each figure, a column for each month or week; a click opens the deals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from crm.actor import Actor
from crm.analytics.charts.kpi import CHART as KPI
from crm.analytics.scope import Scope
from crm.analytics.values import Ask, Column, Kind
from crm.auth.permissions import Action, may
from crm.i18n import _
from crm.i18n.analytics_formats import month_text, percent_text, rounded, week_text
from crm.i18n.analytics_texts import chart_tells, meaning_of, word
from crm.i18n.formats import number, short_money
from crm.ui.dashboard.blocks import TABLE, Block, draw_open_list, load_block
from crm.ui.dashboard.cells import frame_row
from crm.ui.dashboard.frame_export import draw_frame_export
from crm.ui.dashboard.openers import draw_opener
from crm.ui.dashboard.tables import door_ink
from crm.ui.device import is_phone

ROWS = (
    "new", "plan_new", "plan_new_percent", "won", "plan_won", "plan_won_percent", "won_sum", "plan_sum", "plan_percent",
    "first", "first_sum", "repeat", "repeat_sum", "lost", "lost_sum", "win_rate", "mean_won", "median_days", "invalid",
)  # fmt: skip
_PLANS = frozenset(one for one in ROWS if one.startswith("plan"))
MOST_SPANS, MOST_ON_PHONE = 26, 3  # the newest; the opener and the export have all
_NAMES = 240  # pixels of the figures' names
_LONG_NAME = 14  # letters; a week that two months share has more
NAME, TREND, TOTAL = "name", "trend", "total"


@dataclass(frozen=True, slots=True)
class _Spans:
    """The months or weeks of the table, the newest first: places in the frame, their names."""

    places: tuple[int, ...]
    names: tuple[str, ...]


def draw_kpi_table(actor: Actor, scope: Scope, *, by: str) -> None:
    """Draw the figures of the scope by month or week and in all, with the deals of an open one under them."""
    block = load_block(actor, KPI, Ask(scope, by), key="kpi")
    whole = load_block(actor, KPI, Ask(scope), key="whole")
    spans = _spans(block, by)
    rows = [one for one in ROWS if one not in _PLANS or block.frame[one].notna().any()]
    st.caption(chart_tells(KPI.name), help="  \n".join(_told(rows)))
    _draw(block, whole, spans, rows)
    if len(spans.places) < len(block.frame):
        st.caption(_("The newest {n} with figures are shown; the export has all.", n=len(spans.places)))
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        draw_opener(block)
        if may(actor, Action.EXPORT_RECORDS):
            draw_frame_export(actor, block)
    draw_open_list(actor, block)
    draw_open_list(actor, whole)


def _draw(block: Block, whole: Block, spans: _Spans, rows: Sequence[str]) -> None:
    key = block.widget_key(TABLE)
    columns = {one.code: one for one in KPI.columns}
    shown = [columns[one] for one in rows]
    table = _table(block, whole, spans, shown)

    def choose() -> None:
        for place, name in st.session_state[key]["selection"]["cells"]:
            code = rows[place]
            if not columns[code].is_door or name in (NAME, TREND):
                continue
            opened, at = (whole, 0) if name == TOTAL else (block, int(name))
            if frame_row(opened.frame, at)[code]:
                opened.open(at, code, part=TABLE)

    st.dataframe(
        _styled(table, shown),
        hide_index=True,
        height="content",
        column_config=_config(spans),
        key=key,
        on_select=choose,
        selection_mode="single-cell",
        placeholder="",
        alt=word(KPI.name),
    )


def _table(block: Block, whole: Block, spans: _Spans, columns: Sequence[Column]) -> pd.DataFrame:
    currency, total = block.ask.scope.currency, frame_row(whole.frame, 0)
    found: dict[str, list[Any]] = {NAME: [], TREND: [], TOTAL: []}
    for column in columns:
        values = list(block.frame[column.code])
        shown = [values[place] for place in sorted(spans.places)]
        found[NAME].append(word(column.code))
        found[TREND].append([0.0 if one is None else float(one) for one in shown])
        found[TOTAL].append(_text(column, total[column.code], currency))
        for place in spans.places:
            found.setdefault(str(place), []).append(_text(column, values[place], currency))
    return pd.DataFrame(found).drop(columns=[TREND] if is_phone() else [])  # no room for a line beside the numbers


def _styled(table: pd.DataFrame, columns: Sequence[Column]) -> Any:
    """Colour the numbers that open deals."""
    ink = door_ink()
    doors = [place for place, column in enumerate(columns) if column.is_door]
    numbers = [one for one in table.columns if one not in (NAME, TREND)]
    return table.style.map(
        lambda text: f"color: {ink}" if text not in ("", "0") else "", subset=pd.IndexSlice[doors, numbers]
    )


def _text(column: Column, value: Any, currency: str) -> str:
    """Return a figure, empty for none: a table full of noughts hides the rest."""
    if value is None or value != value:  # noqa: PLR0124 - a missing number
        return ""
    if column.kind is Kind.MONEY:
        return short_money(round(value), currency) if value else "0"
    if column.kind is Kind.PERCENT:
        return percent_text(value)
    return rounded(value) if column.kind is Kind.NUMBER else number(int(value))


def _spans(block: Block, by: str) -> _Spans:
    days = list(block.frame[by])
    most = MOST_ON_PHONE if is_phone() else MOST_SPANS
    places = list(reversed(range(len(days))))
    if len(places) > MOST_SPANS:  # of a long time, months in which nothing happened would hide the others
        busy = block.frame[["new", "won", "lost", "invalid"]].astype(int).sum(axis=1) > 0
        places = [one for one in places if busy.iloc[one]]
    places = places[:most]
    return _Spans(
        tuple(places), tuple(week_text(days[one]) if by == "week" else month_text(days[one]) for one in places)
    )


def _config(spans: _Spans) -> dict[str, Any]:
    config: dict[str, Any] = {
        NAME: st.column_config.TextColumn(_("Figure"), pinned=True, width=140 if is_phone() else _NAMES),
        TREND: st.column_config.LineChartColumn(_("Trend"), width=90, y_min=0),
        TOTAL: st.column_config.TextColumn(_("In all"), alignment="right", width=100),
    }
    for place, name in zip(spans.places, spans.names, strict=True):
        width = 100 if len(name) <= _LONG_NAME else 132
        config[str(place)] = st.column_config.TextColumn(name, alignment="right", width=width)
    return config


def _told(rows: Sequence[str]) -> list[str]:
    told = ((word(one), meaning_of(one, KPI.name)) for one in rows)
    return [f"**{name}**: {meaning}" for name, meaning in told if meaning]
