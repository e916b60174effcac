"""Objections on a deal's page: what the client says against buying, and what became of it."""

from __future__ import annotations

import streamlit as st

from crm.actor import Actor
from crm.db import read_scope
from crm.deals.objections import (
    ObjectionInfo,
    ObjectionPlan,
    edit_objection,
    load_objections,
    record_objection,
    settle_objection,
)
from crm.i18n import _
from crm.i18n.formats import moment
from crm.i18n.labels import label
from crm.models import ObjectionKind, ObjectionOutcome
from crm.ui import act
from crm.ui.forms import field_error
from crm.ui.markdown import md
from crm.ui.page import page_dialog, redraw

_PREFIX = "objection_"
_BADGES = {
    ObjectionOutcome.OPEN: ":orange-badge[:material/pending: {word}]",
    ObjectionOutcome.OVERCOME: ":green-badge[:material/check_circle: {word}]",
    ObjectionOutcome.NOT_OVERCOME: ":gray-badge[:material/cancel: {word}]",
}


def draw_objections(actor: Actor, deal_id: int) -> None:
    """Draw a deal's objections, open ones first, and the way to write one down."""
    with read_scope() as session:
        objections = load_objections(session, actor, deal_id)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{_('Objections')}**", width="stretch")
        told = _("What does the client say against buying? It belongs to the stage where it was said.")
        if st.button(_("Objection"), key="add_objection", icon=":material/add:", type="tertiary", help=told):
            _ask(deal_id, None)
    for objection in objections:
        with st.container(border=True, gap="xsmall", key=f"said_{objection.id}"):
            _draw(deal_id, objection)


def _draw(deal_id: int, objection: ObjectionInfo) -> None:
    badge = _BADGES[objection.outcome].format(word=label(objection.outcome))
    st.markdown(f"{md(objection.text)}  \n{badge} :gray[{md(label(objection.kind))} · {md(objection.stage)}]")
    if objection.buys_if:
        st.markdown(_("Buys if: {condition}", condition=md(objection.buys_if)))
    if objection.outcome_note:
        st.caption(md(objection.outcome_note))
    st.caption(" · ".join(md(part) for part in (objection.author, moment(objection.at)) if part))
    with st.container(horizontal=True, gap="small"):
        if st.button(_("Outcome"), key=f"settle_{objection.id}", icon=":material/gavel:", type="tertiary"):
            _ask_outcome(objection)
        if st.button(_("Change"), key=f"edit_objection_{objection.id}", icon=":material/edit:", type="tertiary"):
            _ask(deal_id, objection)


def _ask(deal_id: int, objection: ObjectionInfo | None) -> None:
    _forget()

    @page_dialog(_("Change the objection") if objection else _("An objection"), width="medium")
    def ask() -> None:
        outcome: act.Outcome[int] | act.Outcome[None] | None = st.session_state.get(f"{_PREFIX}outcome")
        _tell(outcome)
        plan = _inputs(objection, outcome)
        if st.button(_("Save"), key=f"{_PREFIX}save", type="primary"):
            if objection is None:
                _finish(act.run(record_objection, deal_id=deal_id, plan=plan), _("The objection is written down"))
                return
            changed = act.run(edit_objection, objection_id=objection.id, expected_version=objection.version, plan=plan)
            _finish(changed, _("Saved"))

    ask()


def _inputs(objection: ObjectionInfo | None, outcome: act.Outcome[int] | act.Outcome[None] | None) -> ObjectionPlan:
    text = st.text_area(
        _("What does the client say?"), value=objection.text if objection else "", key=f"{_PREFIX}text",
        max_chars=2000, height=80,
    )  # fmt: skip
    field_error(outcome.field_error("text") if outcome else None)
    kind = st.pills(
        _("Is it meant?"), list(ObjectionKind), format_func=label, required=True, key=f"{_PREFIX}kind",
        default=objection.kind if objection else ObjectionKind.UNKNOWN,
        help=_("A real one names what is in the way; a pretended one only puts you off: “I will think”."),
    )  # fmt: skip
    buys_if = st.text_area(
        _("Would buy if"), value=(objection.buys_if or "") if objection else "", key=f"{_PREFIX}buys_if",
        max_chars=2000, height=68, placeholder=_("For example: delivery within a week"),
    )  # fmt: skip
    field_error(outcome.field_error("buys_if") if outcome else None)
    return ObjectionPlan(text or "", kind or ObjectionKind.UNKNOWN, buys_if or "")


def _ask_outcome(objection: ObjectionInfo) -> None:
    _forget()

    @page_dialog(_("What became of the objection?"), width="medium")
    def ask() -> None:
        outcome: act.Outcome[None] | None = st.session_state.get(f"{_PREFIX}outcome")
        _tell(outcome)
        st.markdown(f"> {md(objection.text)}")
        chosen = st.pills(
            _("Outcome"), list(ObjectionOutcome), format_func=label, required=True, key=f"{_PREFIX}end",
            default=ObjectionOutcome.OVERCOME if objection.outcome is ObjectionOutcome.OPEN else objection.outcome,
        )  # fmt: skip
        note = st.text_area(
            _("What helped, or what did not"), value=objection.outcome_note or "", key=f"{_PREFIX}note",
            max_chars=2000, height=80,
        )  # fmt: skip
        field_error(outcome.field_error("outcome_note") if outcome else None)
        if st.button(_("Save"), key=f"{_PREFIX}settle", type="primary"):
            settled = act.run(
                settle_objection, objection_id=objection.id, expected_version=objection.version,
                outcome=chosen or ObjectionOutcome.OPEN, note=note or "",
            )  # fmt: skip
            _finish(settled, _("Saved"))

    ask()


def _tell(outcome: act.Outcome[int] | act.Outcome[None] | None) -> None:
    if outcome is not None and not outcome.ok:
        st.error(md(outcome.message), icon=":material/error:")


def _finish(outcome: act.Outcome[int] | act.Outcome[None], told: str) -> None:
    if outcome.ok:
        outcome.told(told)
        st.rerun()  # the whole page: the timeline tells of it too
    st.session_state[f"{_PREFIX}outcome"] = outcome
    redraw()


def _forget() -> None:
    for key in [name for name in st.session_state if str(name).startswith(_PREFIX)]:
        del st.session_state[key]
