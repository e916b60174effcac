"""Opening a number without a mouse: a choice of rows and numbers, for keyboards and phones."""

from __future__ import annotations

import streamlit as st

from crm.i18n import _
from crm.ui.dashboard.address import OPEN, OPEN_PAGE, changed_address
from crm.ui.dashboard.blocks import Block
from crm.ui.dashboard.cells import cell_address, cell_text, column_name, doors, frame_rows, row_name

MOST_OFFERED = 600  # numbers in one list; the browser gets all of them


def draw_opener(block: Block) -> None:
    """Draw the choice of a number; the open one stands there."""
    offered = _offered(block)
    key = f"{block.key}_opener"
    asked = st.query_params.get(OPEN, "")
    st.session_state[key] = asked if asked in offered else None

    def choose() -> None:
        block.let_go()
        changed_address({OPEN: st.session_state[key], OPEN_PAGE: None})

    st.selectbox(
        _("Show deals of …"), list(offered), format_func=offered.__getitem__, key=key, on_change=choose,
        placeholder=_("Choose a number, or click on one"), width=420, label_visibility="collapsed",
        icon=":material/list_alt:",
    )  # fmt: skip


def _offered(block: Block) -> dict[str, str]:
    """Return names of numbers by their addresses, empty ones left out."""
    found: dict[str, str] = {}
    chart, ask, currency = block.chart, block.ask, block.ask.scope.currency
    for row in frame_rows(block.frame):
        name = row_name(chart, ask, row, block.fields, with_pipeline=block.with_pipeline)
        for door in doors(chart):
            value = row[door.code]
            if value and value == value:  # noqa: PLR0124 - a missing number
                told = cell_text(door, value, currency, block.fields)
                address = cell_address(block.key, chart, ask, row, door.code)
                found[address] = f"{name} · {column_name(door.code, block.fields).lower()}: {told}"
        if len(found) >= MOST_OFFERED:
            break
    return found
