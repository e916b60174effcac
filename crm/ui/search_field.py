"""The search field of every page and what it finds, in the sidebar."""

from __future__ import annotations

import streamlit as st

from crm.contacts.search import SearchHit, search
from crm.db import read_scope
from crm.i18n import _
from crm.ui.markdown import md
from crm.ui.nav import page_link
from crm.ui.page import signed_in_actor, tell_signed_out, told_errors

SEARCH_KEY = "search_everywhere"
HITS_SHOWN = 8
SHORTEST, LONGEST = 2, 200
_SEEN_KEY = "_search_seen_from"
_ICONS = {"deal": ":material/handshake:", "contact": ":material/person:", "company": ":material/apartment:"}


def draw_search(place: str) -> None:
    """Draw the field and its hits as a fragment of its own; another `place` (page and query) empties the field."""
    if st.session_state.setdefault(_SEEN_KEY, place) != place:
        st.session_state[_SEEN_KEY] = place
        st.session_state[SEARCH_KEY] = ""
    _draw()


@st.fragment
def _draw() -> None:
    with told_errors():
        actor = signed_in_actor()
        if actor is None:
            tell_signed_out()
            return
        typed = st.text_input(
            _("Search"),
            key=SEARCH_KEY,
            type="search",
            live="300ms",
            placeholder=_("Deal, client, phone ( / )"),
            label_visibility="collapsed",
        )
        text = (typed or "").strip()[:LONGEST]
        if len(text) < SHORTEST and not text.isdigit():
            return
        with read_scope() as session:
            hits = search(session, actor, text, limit=HITS_SHOWN + 1)
        _draw_hits(hits)


def _draw_hits(hits: list[SearchHit]) -> None:
    with st.container(border=True, gap="xxsmall"):
        if not hits:
            st.caption(_("Nothing found. Try a part of the name, a phone or the number of a deal."))
        for hit in hits[:HITS_SHOWN]:
            number = f"\\#{hit.record_id} " if hit.kind == "deal" else ""
            subtitle = f"  \n{md(hit.subtitle)}" if hit.subtitle else ""
            page = "deal" if hit.kind == "deal" else "clients"
            page_link(page, f"{number}{md(hit.title)}{subtitle}", icon=_ICONS[hit.kind], **{hit.kind: hit.record_id})
        if len(hits) > HITS_SHOWN:
            st.caption(_("There is more: write more of the name."))
