"""A chart with everything its numbers need: what it finds, what it means, a figure, a table, the deals behind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from crm.actor import Actor
from crm.analytics.population import PIPELINE
from crm.analytics.theme import CELL
from crm.analytics.values import Ask, Chart, Column
from crm.auth.permissions import Action, may
from crm.i18n import _
from crm.i18n.analytics_texts import chart_tells, chart_title
from crm.ui.dashboard.blocks import FIGURE, Block, draw_open_list, load_block
from crm.ui.dashboard.cells import split_of
from crm.ui.dashboard.figures import specification
from crm.ui.dashboard.frame_export import draw_frame_export
from crm.ui.dashboard.openers import draw_opener
from crm.ui.dashboard.tables import draw_table
from crm.ui.markdown import md


def chart_block(
    actor: Actor,
    chart: Chart,
    ask: Ask,
    *,
    key: str,
    title: str | None = None,
    help: str | None = None,  # noqa: A002 - as Streamlit calls it
    columns: Sequence[str] | None = None,
    figure_ask: Ask | None = None,
    empty: str | None = None,
    note: str | None = None,
) -> None:
    """Draw a chart with its table and, when a number is open, the deals behind it.

    `key` names the block in the address. `title` says the finding, else it is the chart's name; `help` says more than
    the definition under it. `columns` are codes of the chart's columns that the table shows, else all. `figure_ask`
    draws the figure of another question, its marks don't open then. `empty` is told where there is no number,
    `note` beside the definition where there are some: how to read the figure.
    """
    block = load_block(actor, chart, ask, key=key)
    with st.container(key=f"block_{key}"):
        st.markdown(f"#### {md(title or chart_title(chart.name))}")
        st.caption(chart_tells(chart.name), help=help)
        if not _has_numbers(chart, block.frame):
            text = empty or _("Nothing happened here in this period. Choose a longer one, or fewer conditions.")
            st.info(text, icon=":material/query_stats:")
            return
        _draw_figure(actor, block, title, figure_ask, note)
        draw_table(block, _shown_columns(block, columns))
        with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
            draw_opener(block)
            if may(actor, Action.EXPORT_RECORDS):
                draw_frame_export(actor, block)
        draw_open_list(actor, block)


def _has_numbers(chart: Chart, frame: pd.DataFrame) -> bool:
    doors = [one.code for one in chart.columns if one.is_door]
    return any(value and not pd.isna(value) for code in doors for value in frame[code])


def _shown_columns(block: Block, wanted: Sequence[str] | None) -> list[Column]:
    split = split_of(block.ask.by)
    own = [one for one in block.chart.columns if one not in split and (wanted is None or one.code in wanted)]
    return [*split, *(one for one in own if block.with_pipeline or one.code != PIPELINE)]


def _draw_figure(actor: Actor, block: Block, title: str | None, figure_ask: Ask | None, note: str | None) -> None:
    spec = specification(actor, block.chart, figure_ask or block.ask, block.fields)
    if spec is None or not any(spec.get("datasets", {}).values()):  # numbers, but nothing of what is drawn
        return
    if note:
        st.caption(note)
    key = block.widget_key(FIGURE)

    def choose() -> None:
        chosen: list[dict[str, Any]] = st.session_state[key]["selection"].get(CELL) or []
        if chosen and chosen[0].get("row", -1) >= 0:  # else a mark that is no row's, as an empty cell
            block.open(int(chosen[0]["row"]), str(chosen[0]["part"]), part=FIGURE)

    st.vega_lite_chart(
        spec, key=key, on_select=choose if figure_ask is None else "ignore", alt=title or chart_title(block.chart.name)
    )
