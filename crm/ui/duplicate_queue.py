"""The list of the queue: one line a pair, pages, and which pair is open beside it and in the address."""

from __future__ import annotations

from textwrap import shorten

import streamlit as st

from crm.actor import Actor
from crm.db import read_scope
from crm.duplicates.pair_values import PairRow, Place, QueueFilter, QueuePage
from crm.duplicates.pairs import load_queue
from crm.i18n import _
from crm.i18n.formats import short_money
from crm.models import EntityType, PairSource, PairState
from crm.ui.device import is_phone
from crm.ui.duplicate_filters import is_narrowed
from crm.ui.duplicate_words import chance, short_why
from crm.ui.markdown import md

PAGE_ROWS = 50
LIST_HEIGHT = 620
LONGEST_ID = 19  # digits
NAME_SHOWN = 50
KIND_ICONS = {
    EntityType.CONTACT: ":material/person:",
    EntityType.COMPANY: ":material/apartment:",
    EntityType.DEAL: ":material/handshake:",
}
BRIDGE_ICON = ":orange[:material/join_inner:]"
DECIDED = "duplicates_decided"  # in the session: the page behind the pair is to be drawn anew
_CHOSEN = "duplicates_chosen"
_LOOKED_AT = "duplicates_looked_at"  # in the session: on a phone the pair is shown, not the list
_ADDRESS = "duplicates_address"  # in the session: the pair that this page has put into the address
_PARAM = "pair"
_WISHES = "duplicates_wishes"
_PLACES = "duplicates_places"
_LIST = "duplicates_list_choice"


def load_page(actor: Actor, wanted: QueueFilter) -> QueuePage:
    """Return the page of the queue the reviewer has come to; another filter begins at the top."""
    places = _places(wanted)
    with read_scope() as session:
        page = load_queue(session, actor, wanted, after=places[-1] if places else None, limit=PAGE_ROWS)
        if not page.rows and places:  # the last pair of the last page was decided
            places.clear()
            page = load_queue(session, actor, wanted, limit=PAGE_ROWS)
    return page


def chosen_pair(page: QueuePage) -> int | None:
    """Return the pair to be open: the one asked for, else the next after a decision, else the first."""
    ids = [row.id for row in page.rows]
    for wish in st.session_state.pop(_WISHES, []):
        if wish in ids:
            open_pair(wish)
            return int(wish)
    chosen = st.session_state.get(_CHOSEN)
    return int(chosen) if chosen is not None else next(iter(ids), None)


def open_pair(pair_id: int | None) -> None:
    """Open a pair beside the list, be it in the list or not; None opens the first one."""
    st.session_state[_CHOSEN] = pair_id


def follow_address() -> None:
    """Open the pair that the address asks for: a link from a card, or the browser's way back."""
    asked = st.query_params.get(_PARAM, "")
    if asked == st.session_state.get(_ADDRESS, ""):
        return
    st.session_state[_ADDRESS] = asked
    is_pair = asked.isascii() and asked.isdigit() and len(asked) < LONGEST_ID
    st.session_state[_LOOKED_AT] = is_pair
    if is_pair:
        open_pair(int(asked))


def show_in_address(pair_id: int | None) -> None:
    """Put the open pair into the address, so that it can be sent to a colleague."""
    told = "" if pair_id is None else str(pair_id)
    st.session_state[_ADDRESS] = told
    if st.query_params.get(_PARAM, "") == told:
        return
    if told:
        st.query_params[_PARAM] = told
    else:
        del st.query_params[_PARAM]


def is_looked_at() -> bool:
    """Tell whether a phone shows the open pair in place of the list."""
    return bool(st.session_state.get(_LOOKED_AT))


def look_at_list() -> None:
    """Go from the pair to the list on a phone; serves as a callback."""
    st.session_state[_LOOKED_AT] = False


def wish_next(rows: tuple[PairRow, ...], present: int, first: tuple[int, ...] = ()) -> None:
    """Say which pair comes up when the present one is decided: those in `first`, the one below, the one above."""
    ids = [row.id for row in rows]
    place = ids.index(present) if present in ids else 0
    st.session_state[_WISHES] = [one for one in (*first, *ids[place + 1 :], *ids[:place][::-1]) if one != present]
    open_pair(None)


def draw_list(page: QueuePage, wanted: QueueFilter, chosen: int | None) -> None:
    """Draw the page of the queue and the way to its neighbours."""
    names = {row.id: _line(row, page.currency, wanted) for row in page.rows}
    st.session_state[_LIST] = chosen if chosen in names else None
    with st.container(key="duplicates_list", height="content" if is_phone() else LIST_HEIGHT, border=False):
        st.radio(
            _("Pairs"), list(names), format_func=names.__getitem__, key=_LIST, on_change=_choose, width="stretch",
            label_visibility="collapsed",
        )  # fmt: skip
    places = _places(wanted)
    if not places and page.next_page is None:
        return
    with st.container(horizontal=True):
        if places:
            st.button(
                _("Back"), key="duplicates_back", icon=":material/chevron_left:", on_click=_turn,
                args=(wanted, None), type="tertiary",
            )  # fmt: skip
        if page.next_page is not None:
            st.button(
                _("Next {n}", n=PAGE_ROWS), key="duplicates_next", icon=":material/chevron_right:", on_click=_turn,
                args=(wanted, page.next_page), type="tertiary",
            )  # fmt: skip


def draw_empty(wanted: QueueFilter) -> None:
    """Tell that nothing waits, or that the filters hold it back."""
    if is_narrowed(wanted):
        st.info(_("No pair fits these filters. Widen them, or look at all."), icon=":material/search_off:")
        return
    st.info(
        _("Nothing waits for you. Pairs come here when a new client looks like one you have, and after each scan. "
          "Scan the base to look again now."),
        icon=":material/task_alt:",
    )  # fmt: skip


def _line(row: PairRow, currency: str, wanted: QueueFilter) -> str:
    """Return a pair in two lines of markdown: how likely and who; what it is worth and why."""
    kind = "" if wanted.entity_type else f"{KIND_ICONS[row.entity_type]} "
    bridge = f"{BRIDGE_ICON} " if row.source is PairSource.BRIDGE and row.state is PairState.OPEN else ""
    names = " · ".join(md(shorten(one.name, NAME_SHOWN, placeholder="…")) for one in (row.left, row.right))
    first = f"{bridge}{kind}**{chance(row.probability)}** {names}"
    worth = f"**{md(short_money(row.value_minor, currency))}** · " if row.value_minor else ""
    return f"{first}  \n:small[:gray[{worth}{md(short_why(row.lines))}]]"


def _choose() -> None:
    open_pair(st.session_state[_LIST])
    st.session_state[_LOOKED_AT] = True


def _turn(wanted: QueueFilter, place: Place | None) -> None:
    if place is None:
        del _places(wanted)[-1:]
    else:
        _places(wanted).append(place)
    open_pair(None)


def _places(wanted: QueueFilter) -> list[Place]:
    places: list[Place] = st.session_state.setdefault(_PLACES, {}).setdefault(wanted, [])
    return places
