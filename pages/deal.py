"""One deal: what is agreed, what comes next, and everything that happened."""

from __future__ import annotations

import streamlit as st

from crm.actor import Actor
from crm.db import read_scope
from crm.deals.reads import load_deal, other_deals, stage_times
from crm.errors import NotFound
from crm.i18n import _
from crm.i18n.texts import error_sentence
from crm.models import EntityType
from crm.ui.chain_view import draw_chain
from crm.ui.deal_editor import draw_editor
from crm.ui.deal_moves import draw_pending_move, forget_pending_move
from crm.ui.deal_steps import draw_steps
from crm.ui.deal_timeline import draw_add_note, draw_timeline
from crm.ui.deal_view import draw_clients, draw_head, draw_moves, draw_origin, draw_stage_bar
from crm.ui.duplicate_note import draw_twins, follow_merged
from crm.ui.nav import page_link
from crm.ui.objection_view import draw_objections
from crm.ui.page import is_same_page, open_page, page_fragment

_TOLD = "deal_told"  # in the session: the deal that this page showed last

actor = open_page("deal")
forget_pending_move()


@page_fragment("deal")
def draw_deal(actor: Actor, deal_id: int) -> None:
    """Draw the deal without its timeline; a click here reruns only this."""
    with read_scope() as session:
        card = load_deal(session, actor, deal_id)
        times = stage_times(session, card)
        others = other_deals(session, actor, card)
    draw_head(card)
    draw_twins(actor, EntityType.DEAL, deal_id)
    draw_stage_bar(card, times)
    draw_chain(actor, card)
    moves, steps = st.container(), st.container()
    st.divider()
    edited = draw_editor(card)
    with moves:
        draw_moves(actor, card, edited.values)
    with steps:
        draw_steps(card, is_main=not edited.values)
    st.divider()
    draw_clients(card, others)
    draw_origin(card)
    draw_pending_move()


@page_fragment("deal")
def draw_history(actor: Actor, deal_id: int) -> None:
    """Draw what can be written down, the objections and the timeline."""
    draw_add_note(deal_id)
    draw_objections(actor, deal_id)
    draw_timeline(actor, deal_id)


asked = st.query_params.get("deal", "")
# A link from one deal to another leaves the old address in the browser: said again, so that a reload stays here. Not
# on coming from another page: that page's address would get it, and the browser's way back would lead there.
if is_same_page() and st.session_state.get(_TOLD) != asked:
    st.query_params.from_dict({"deal": asked} if asked else {})
st.session_state[_TOLD] = asked
deal_id = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 19 else 0
try:
    with read_scope() as session:
        load_deal(session, actor, deal_id)
except NotFound as error:
    follow_merged(error)
    st.info(error_sentence(error), icon=":material/search_off:")
    page_link("board", _("To the board"), icon=":material/view_kanban:")
    st.stop()
left, right = st.columns([3, 2], gap="large")
with left:
    draw_deal(deal_id)
with right:
    draw_history(deal_id)
