"""A chart with everything its numbers need: what it finds, what it means, a figure, a table, the deals behind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from crm.actor import Actor
from crm.analytics.theme import CELL
from crm.analytics.values import Ask, Chart, Column
from crm.auth.permissions import Action, may
from crm.i18n import _
from crm.i18n.analytics_texts import chart_tells, chart_title
from crm.pipelines.values import FieldInfo
from crm.ui.dashboard.address import OPEN, OPEN_PAGE, changed_address
from crm.ui.dashboard.cells import Cell, addressed_cell, cell_address, columns_of, frame_row
from crm.ui.dashboard.deal_list import draw_deals
from crm.ui.dashboard.exporting import draw_frame_export
from crm.ui.dashboard.figures import specification
from crm.ui.dashboard.loaders import choices, load_frame
from crm.ui.dashboard.openers import draw_opener
from crm.ui.dashboard.present_scope import scope_words
from crm.ui.dashboard.tables import TABLE, draw_table
from crm.ui.markdown import md

FIGURE = "figure"
_DRAWN = "dashboard_drawn"  # how often marks and cells were let go of


@dataclass(frozen=True, slots=True)
class Block:
    """A chart as it stands on a page: its key there, what it is asked, what came."""

    key: str
    chart: Chart
    ask: Ask
    frame: pd.DataFrame
    fields: tuple[FieldInfo, ...]

    def widget_key(self, part: str) -> str:
        """Return the key of the figure or the table; another one lets go of what is chosen there."""
        drawn = st.session_state.get(_DRAWN, {}).get((self.key, part), 0)
        return f"{self.key}_{part}_{hash(self.ask)}_{drawn}"

    def open(self, place: int, door: str, *, part: str) -> None:
        """Open the deals behind a number of the frame's row at a place, chosen in a part; for callbacks."""
        self.let_go(but=part)
        address = cell_address(self.key, self.chart, self.ask, frame_row(self.frame, place), door)
        changed_address({OPEN: address, OPEN_PAGE: None})

    def let_go(self, *, but: str = "") -> None:
        """Forget which mark and which cell are chosen, so that they can be chosen again; for callbacks."""
        drawn = st.session_state.setdefault(_DRAWN, {})
        for part in (FIGURE, TABLE):
            if part != but:
                drawn[self.key, part] = drawn.get((self.key, part), 0) + 1


def chart_block(
    actor: Actor,
    chart: Chart,
    ask: Ask,
    *,
    key: str,
    title: str | None = None,
    help: str | None = None,  # noqa: A002 - as Streamlit calls it
    hidden: Sequence[str] = (),
    figure_ask: Ask | None = None,
    empty: str | None = None,
) -> None:
    """Draw a chart with its table and, when a number is open, the deals behind it.

    `key` names the block in the address. `title` says the finding, else it is the chart's name; `help` says more than
    the definition under it. `hidden` are codes of columns that the table leaves out. `figure_ask` draws the figure
    of another question, its marks don't open then. `empty` is told in place of a frame without a number.
    """
    known = choices(actor)
    frame = load_frame(actor, chart, ask)
    block = Block(key, chart, ask, frame, known.fields)
    with st.container(key=f"block_{key}"):
        st.markdown(f"#### {md(title or chart_title(chart.name))}")
        st.caption(chart_tells(chart.name), help=help)
        if not _has_numbers(chart, frame):
            st.info(empty or _("Nothing happened here in this period. Choose a longer one, or fewer conditions."),
                    icon=":material/query_stats:")  # fmt: skip
            return
        with_pipeline = _has_pipelines(frame)
        _draw_figure(actor, block, title, figure_ask)
        shown = _shown_columns(block, hidden, with_pipeline=with_pipeline)
        draw_table(block, shown)
        with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
            draw_opener(block, with_pipeline=with_pipeline)
            if may(actor, Action.EXPORT_RECORDS):
                draw_frame_export(actor, chart, ask, frame, columns_of(chart, ask), known.fields, key=key)
        cell = open_cell(block)
        if cell is not None:
            draw_deals(
                actor, chart, ask, cell, fields=known.fields, words=scope_words(actor, ask.scope),
                with_pipeline=with_pipeline, on_close=block.let_go,
            )  # fmt: skip


def open_cell(block: Block) -> Cell | None:
    """Return the number of this block that the address holds open."""
    asked = st.query_params.get(OPEN)
    return addressed_cell(asked, block.key, block.chart, block.ask, block.frame) if asked else None


def _has_numbers(chart: Chart, frame: pd.DataFrame) -> bool:
    doors = [one.code for one in chart.columns if one.is_door]
    return bool(len(frame)) and bool((frame[doors].fillna(0).astype(float) != 0).any(axis=None))


def _has_pipelines(frame: pd.DataFrame) -> bool:
    return "pipeline" in frame.columns and frame["pipeline"].nunique() > 1


def _shown_columns(block: Block, hidden: Sequence[str], *, with_pipeline: bool) -> list[Column]:
    columns = [one for one in columns_of(block.chart, block.ask) if one.code not in hidden]
    return columns if with_pipeline else [one for one in columns if one.code != "pipeline"]


def _draw_figure(actor: Actor, block: Block, title: str | None, figure_ask: Ask | None) -> None:
    if block.chart.figure is None:
        return
    spec = specification(actor, block.chart, figure_ask or block.ask, block.fields)
    if spec is None:
        return
    key = block.widget_key(FIGURE)

    def choose() -> None:
        chosen: list[dict[str, Any]] = st.session_state[key]["selection"].get(CELL) or []
        if chosen and "row" in chosen[0]:
            block.open(int(chosen[0]["row"]), str(chosen[0]["part"]), part=FIGURE)

    st.vega_lite_chart(
        spec, key=key, on_select=choose if figure_ask is None else "ignore", alt=title or chart_title(block.chart.name)
    )
