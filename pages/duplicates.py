"""Duplicates: pairs that may be the same, merging and undoing, many at once, values in wrong fields."""

from __future__ import annotations

import streamlit as st

from crm.actor import Actor
from crm.auth.permissions import Action, may
from crm.db import read_scope
from crm.duplicates.pairs import open_pair_counts
from crm.i18n import _
from crm.ui.component import FOLDER
from crm.ui.device import is_phone
from crm.ui.duplicate_bulk import draw_bulk, is_batch_running
from crm.ui.duplicate_filters import draw_filters, present_filter
from crm.ui.duplicate_history import draw_history
from crm.ui.duplicate_pair import draw_pair
from crm.ui.duplicate_queue import (
    DECIDED,
    chosen_pair,
    draw_empty,
    draw_list,
    follow_address,
    is_looked_at,
    load_page,
    look_at_list,
    show_in_address,
)
from crm.ui.duplicate_scan import draw_scan, is_scan_running
from crm.ui.duplicate_wrong_fields import draw_wrong_fields
from crm.ui.page import open_page, page_fragment, redraw
from crm.ui.sidebar import forget_waiting

actor = open_page("duplicates")
st.html(FOLDER / "duplicates.css")


@page_fragment("duplicates")
def draw_queue(actor: Actor) -> None:
    """Draw the queue and the pair that is open; a click here reruns only this."""
    if st.session_state.pop(DECIDED, False):
        forget_waiting()
        st.rerun()  # the whole page once: the sidebar counts what is left
    if is_phone() and is_looked_at():
        _draw_in_place_of_the_list(actor)
        return
    with read_scope() as session:
        counts = open_pair_counts(session, actor)
    wanted = draw_filters(actor, counts)
    page = load_page(actor, wanted)
    if page.rows and is_phone():
        show_in_address(None)
        draw_list(page, wanted, None)
        return
    chosen = chosen_pair(page)
    show_in_address(chosen)
    if not page.rows:
        if chosen is not None:
            draw_pair(actor, chosen, ())
        draw_empty(wanted)
        return
    left, right = st.columns([2, 5], gap="medium")
    with left:
        draw_list(page, wanted, chosen)
    if chosen is not None:
        with right:
            draw_pair(actor, chosen, page.rows)


def _draw_in_place_of_the_list(actor: Actor) -> None:
    """Draw on a phone the pair that was tapped, or that came up after it, and the way back to the list."""
    page = load_page(actor, present_filter())
    chosen = chosen_pair(page)
    if chosen is None:  # the last one was decided
        look_at_list()
        redraw()
    show_in_address(chosen)
    st.button(_("All pairs"), key="duplicates_to_list", icon=":material/arrow_back:", type="tertiary",
              on_click=look_at_list)  # fmt: skip
    draw_pair(actor, chosen, page.rows)


@page_fragment("duplicates")
def draw_batches(actor: Actor) -> None:
    """Draw merging in bulk."""
    draw_bulk(actor)


@page_fragment("duplicates", run_every="2s")
def draw_moving_batches(actor: Actor) -> None:
    """Draw merging in bulk while a batch is at work."""
    draw_bulk(actor)
    if not is_batch_running(actor):
        st.rerun()


@page_fragment("duplicates")
def draw_merges(actor: Actor) -> None:
    """Draw the history of merges."""
    draw_history(actor)


@page_fragment("duplicates")
def draw_misplaced(actor: Actor) -> None:
    """Draw values in wrong fields."""
    draw_wrong_fields(actor)


@page_fragment("duplicates")
def draw_still_scan(actor: Actor) -> None:
    """Draw the last scan and the button for another."""
    draw_scan(actor)


@page_fragment("duplicates", run_every="2s")
def draw_moving_scan(actor: Actor) -> None:
    """Draw how the scan goes."""
    draw_scan(actor)
    if not is_scan_running(actor):
        forget_waiting()
        st.rerun()


if st.session_state.pop(DECIDED, False):  # the whole page is being drawn: no need to ask for it again
    forget_waiting()
follow_address()
with st.container(
    horizontal=not is_phone(), horizontal_alignment="distribute", vertical_alignment="center", gap="xsmall"
):
    st.markdown(f"### {_('Duplicates')}")
    if is_scan_running(actor):
        draw_moving_scan()
    else:
        draw_still_scan()
in_bulk = may(actor, Action.MERGE_IN_BULK)
names = [_("Queue"), _("Merges"), _("Wrong fields"), *([_("In bulk")] if in_bulk else [])]
queue, merges, misplaced, *bulk = st.tabs(names, key="duplicates_tabs", on_change="rerun")
if queue.open:
    with queue:
        draw_queue()
if merges.open:
    with merges:
        draw_merges()
if misplaced.open:
    with misplaced:
        draw_misplaced()
for tab in bulk:
    if tab.open:
        with tab:
            if is_batch_running(actor):
                draw_moving_batches()
            else:
                draw_batches()
