"""A chart as it stands on a page, and which of its numbers is open: the address says so."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import streamlit as st

from crm.actor import Actor
from crm.analytics.values import Ask, Chart
from crm.i18n import _
from crm.pipelines.values import FieldInfo
from crm.ui.dashboard.address import OPEN, OPEN_PAGE, changed_address
from crm.ui.dashboard.cells import MARK, Cell, addressed_cell, cell_address, frame_row
from crm.ui.dashboard.deal_list import draw_deals
from crm.ui.dashboard.loaders import choices, load_frame
from crm.ui.dashboard.present_scope import scope_words

FIGURE, TABLE = "figure", "table"
_DRAWN = "dashboard_drawn"  # in the session: how often marks and cells were let go of


@dataclass(frozen=True, slots=True)
class Block:
    """A chart as it stands on a page: its key there, what it is asked, what came."""

    key: str
    chart: Chart
    ask: Ask
    frame: pd.DataFrame
    fields: tuple[FieldInfo, ...]

    @property
    def with_pipeline(self) -> bool:
        """Tell whether rows have to say of which pipeline they are."""
        return "pipeline" in self.frame.columns and self.frame["pipeline"].nunique() > 1

    def widget_key(self, part: str) -> str:
        """Return the key of the figure or the table; another one lets go of what is chosen there."""
        drawn = st.session_state.get(_DRAWN, {}).get((self.key, part), 0)
        return f"{self.key}_{part}_{hash(self.ask)}_{drawn}"

    def address(self, place: int, door: str) -> str:
        """Return the address of a number of the frame's row at a place."""
        return cell_address(self.key, self.chart, self.ask, frame_row(self.frame, place), door)

    def open(self, place: int, door: str, *, part: str = "") -> None:
        """Open the deals behind a number, chosen in a part; for callbacks."""
        self.let_go(but=part)
        changed_address({OPEN: self.address(place, door), OPEN_PAGE: None})

    def let_go(self, *, but: str = "") -> None:
        """Forget which mark and which cell are chosen, so that they can be chosen again; for callbacks."""
        drawn = st.session_state.setdefault(_DRAWN, {})
        for part in (FIGURE, TABLE):
            if part != but:
                drawn[self.key, part] = drawn.get((self.key, part), 0) + 1


def load_block(actor: Actor, chart: Chart, ask: Ask, *, key: str) -> Block:
    """Return a chart with its frame under a key that the address may name."""
    return Block(key, chart, ask, load_frame(actor, chart, ask), choices(actor).fields)


def open_cell(block: Block) -> Cell | None:
    """Return the number of this block that the address holds open."""
    asked = st.query_params.get(OPEN)
    return addressed_cell(asked, block.key, block.chart, block.ask, block.frame) if asked else None


def draw_open_list(actor: Actor, block: Block) -> None:
    """Draw the deals behind the number of this block that the address holds open; nothing where it names none."""
    if not st.query_params.get(OPEN, "").startswith(block.key + MARK):
        return
    cell = open_cell(block)
    if cell is None:
        st.caption(_("The number that the link opens is not among these figures, or not yours to see."))
        return
    draw_deals(
        actor, block.chart, block.ask, cell, fields=block.fields, words=scope_words(actor, block.ask.scope),
        with_pipeline=block.with_pipeline, on_close=block.let_go,
    )  # fmt: skip
