"""What the reviewer wants to see of the queue: kinds of records, how likely, whose, found how, decided or not."""

from __future__ import annotations

import streamlit as st

from crm.actor import Actor
from crm.auth.people import list_owners
from crm.db import read_scope
from crm.duplicates.pair_values import PairCount, QueueFilter
from crm.i18n import N_, _
from crm.i18n.labels import label
from crm.models import EntityType, PairSource, PairState
from crm.ui.device import is_phone

KIND_NAMES = {
    EntityType.CONTACT: N_("People"),
    EntityType.COMPANY: N_("Companies"),
    EntityType.DEAL: N_("Deals"),
}
SHOWN_STATES = (PairState.OPEN, PairState.SNOOZED, PairState.NOT_DUPLICATE)  # merges have a list of their own
_LEAST = (None, 50, 80, 95)
_ALL = "all"
_MORE_KEYS = ("duplicates_least", "duplicates_source", "duplicates_owner", "duplicates_state")
_PRESENT = "duplicates_wanted"


def draw_filters(actor: Actor, counts: tuple[PairCount, ...]) -> QueueFilter:
    """Draw kinds with their counts, a search and, folded, the rest; return what is wanted."""
    shown = {one.entity_type: f" {one.count}{'+' if one.is_more else ''}" for one in counts if one.count}
    with st.container(horizontal=True, vertical_alignment="center", key="duplicates_filters"):
        kind = st.segmented_control(
            _("Show"),
            [_ALL, *KIND_NAMES],
            default=_ALL,
            required=True,
            format_func=lambda code: _("All") if code == _ALL else _(KIND_NAMES[code]) + shown.get(code, ""),
            key="duplicates_kind",
            label_visibility="collapsed",
            persist_state="session",
        )
        text = st.text_input(
            _("Find a pair"), key="duplicates_text", type="search", live="400ms", max_chars=200,
            placeholder=_("Name, phone, e-mail or number"), label_visibility="collapsed", persist_state="session",
            width="stretch" if is_phone() else 260,
        )  # fmt: skip
        narrowed = sum(st.session_state.get(key) not in (None, "", PairState.OPEN) for key in _MORE_KEYS)
        name = _("Filters: {n}", n=narrowed) if narrowed else _("Filters")
        with st.popover(name, icon=":material/filter_alt:", key="duplicates_more"):
            wanted = _draw_more(actor, kind if isinstance(kind, EntityType) else None, (text or "").strip() or None)
    st.session_state[_PRESENT] = wanted
    return wanted


def present_filter() -> QueueFilter:
    """Return what was wanted when the filters were last drawn."""
    kept: QueueFilter | None = st.session_state.get(_PRESENT)
    return kept or QueueFilter()


def is_narrowed(wanted: QueueFilter) -> bool:
    """Tell whether anything but every open pair is wanted."""
    return wanted != QueueFilter()


def _draw_more(actor: Actor, kind: EntityType | None, text: str | None) -> QueueFilter:
    with read_scope() as session:
        owners = list_owners(session, actor)
    least = st.selectbox(
        _("How likely"),
        _LEAST,
        format_func=lambda share: _("any") if share is None else _("{share} % and more", share=share),
        key="duplicates_least",
        persist_state="session",
    )
    source = st.selectbox(
        _("Found"), [None, *PairSource], format_func=lambda one: label(one) if one else _("any way"),
        key="duplicates_source", persist_state="session",
    )  # fmt: skip
    owner_id = st.selectbox(
        _("Whose"), [None, *owners], format_func=lambda one: owners[one] if one else _("everybody's"),
        key="duplicates_owner", persist_state="session",
    )  # fmt: skip
    state = st.selectbox(
        _("Decision"), SHOWN_STATES, format_func=label, key="duplicates_state", persist_state="session"
    )
    return QueueFilter(
        entity_type=kind,
        state=state or PairState.OPEN,
        source=source,
        owner_id=owner_id,
        least_probability=least / 100 if least else None,
        text=text,
    )
