"""Editing a client in place: typed values survive refusals; a save by somebody else is told with both values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from crm.contacts.commands import edit_company, edit_contact
from crm.contacts.reads import CompanyCard, ContactCard
from crm.errors import ChangedMeanwhile
from crm.i18n import _
from crm.i18n.texts import field_name
from crm.models import EntityType
from crm.ui import act
from crm.ui.client_fields import (
    COMPANY_KEYS,
    CONTACT_KEYS,
    client_label,
    company_fields,
    contact_fields,
    draw_field,
    saved_values,
    typed_points,
    value_words,
)
from crm.ui.duplicate_hint import draw_known, typed_record
from crm.ui.markdown import md
from crm.ui.page import redraw

Card = CompanyCard | ContactCard


def is_editing(card: Card) -> bool:
    """Tell whether the client is being edited in this tab."""
    return _base_key(card) in st.session_state


def begin_editing(card: Card) -> None:
    """Open the editor on the client as it is now; serves as a callback."""
    st.session_state[_base_key(card)] = card


def draw_editor(card: Card) -> None:
    """Draw the fields with what was typed, and what can be done with it; `card` is the client as saved now."""
    base: Card = st.session_state[_base_key(card)]
    prefix = _prefix(base)
    outcome: act.Outcome[None] | None = st.session_state.get(f"{prefix}_outcome")
    if outcome is not None and not outcome.ok:
        st.error(outcome.message, icon=":material/error:")
    if card.version != base.version:
        st.warning(
            _("Somebody saved this client while you were editing it. Choose below what stays."),
            icon=":material/group:",
        )
    saved = saved_values(base)
    kind, keys = ("company", COMPANY_KEYS) if isinstance(base, CompanyCard) else ("contact", CONTACT_KEYS)
    typed = {}
    for key in keys:
        typed[key] = draw_field(key, prefix, saved[key], outcome, client_label(kind, key))
        if key == "points":
            known = st.container()
    with known:
        _draw_known(base, saved, typed)
    if card.version != base.version:
        _draw_conflict(base, card, typed)
        return
    with st.container(horizontal=True):
        if st.button(_("Save"), key=f"{prefix}_save", type="primary", icon=":material/save:"):
            _save(base, base, typed)
        if st.button(_("Cancel"), key=f"{prefix}_cancel", type="tertiary"):
            _stop(base)


def _draw_known(base: Card, saved: Mapping[str, Any], typed: Mapping[str, Any]) -> None:
    """Tell who looks like the client as it is now typed; as saved, the card's own note tells it."""
    told = ("name", "points", "inn")
    if all(typed.get(key) == saved.get(key) for key in told):
        return
    points = typed_points(typed["points"], base.points)
    if isinstance(base, CompanyCard):
        raw = typed_record("", points, company=typed["name"], inn=typed["inn"])
        draw_known(EntityType.COMPANY, raw, key=_prefix(base), present=(EntityType.COMPANY, base.id))
    else:
        raw = typed_record(typed["name"], points)
        draw_known(EntityType.CONTACT, raw, key=_prefix(base), present=(EntityType.CONTACT, base.id))


def _draw_conflict(base: Card, card: Card, typed: Mapping[str, Any]) -> None:
    """Show what somebody saved meanwhile beside what was typed, and save the choice on top of it."""
    before, now = saved_values(base), saved_values(card)
    chosen: dict[str, Any] = {}
    for key, mine in typed.items():
        touched, changed = mine != before[key], now[key] != before[key]
        chosen[key] = mine if touched else now[key]
        if touched and changed and mine != now[key]:
            chosen[key] = _choice(base, card, key, mine, now[key])
        elif changed and not touched:
            value = md(value_words(key, now[key]))
            st.caption(_("{field}, saved meanwhile: {value}", field=field_name(key), value=value))
    with st.container(horizontal=True):
        if st.button(_("Save my choice"), key=f"{_prefix(base)}_resolve", type="primary"):
            _save(base, card, chosen)
        if st.button(_("Take what is saved"), key=f"{_prefix(base)}_take", type="tertiary"):
            _stop(base)


def _choice(base: Card, card: Card, key: str, mine: Any, theirs: Any) -> Any:
    texts = {
        "mine": _("Yours: {value}", value=md(value_words(key, mine))),
        "theirs": _("Saved now: {value}", value=md(value_words(key, theirs))),
    }
    choice = st.radio(
        field_name(key), list(texts), format_func=texts.__getitem__, key=f"{_prefix(base)}_choice{card.version}_{key}"
    )
    return theirs if choice == "theirs" else mine


def _save(base: Card, card: Card, values: Mapping[str, Any]) -> None:
    points = typed_points(values["points"], card.points)
    if isinstance(card, CompanyCard):
        outcome = act.run(
            edit_company, company_id=card.id, expected_version=card.version, fields=company_fields(values),
            points=points,
        )  # fmt: skip
    else:
        outcome = act.run(
            edit_contact, contact_id=card.id, expected_version=card.version, fields=contact_fields(values),
            points=points,
        )  # fmt: skip
    if outcome.ok:
        outcome.told(_("Saved"))
        _stop(base)
    elif not isinstance(outcome.error, ChangedMeanwhile):
        st.session_state[f"{_prefix(base)}_outcome"] = outcome
    redraw()


def _stop(base: Card) -> None:
    del st.session_state[_base_key(base)]
    for key in [name for name in st.session_state if str(name).startswith(f"{_prefix(base)}_")]:
        del st.session_state[key]
    redraw()


def _base_key(card: Card) -> str:
    return f"client_base_{'company' if isinstance(card, CompanyCard) else 'contact'}{card.id}"


def _prefix(base: Card) -> str:
    return f"{_base_key(base)}v{base.version}"
