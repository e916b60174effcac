"""The dialog that adds a person or a company, and tells while one types who is known already."""

from __future__ import annotations

from typing import Any

import streamlit as st

from crm.contacts.commands import create_company, create_contact
from crm.contacts.fields import CompanyFields, ContactFields
from crm.i18n import N_, _
from crm.models import EntityType
from crm.ui import act
from crm.ui.client_fields import client_label, draw_field, typed_points
from crm.ui.client_inputs import client_names
from crm.ui.duplicate_hint import draw_known, typed_record
from crm.ui.nav import go_to
from crm.ui.page import page_dialog, redraw

KINDS = {"contact": N_("Person"), "company": N_("Company")}
_PREFIX = "new_client"
_OUTCOME = f"{_PREFIX}_outcome"
_KEYS = {
    "contact": ("name", "points", "position", "company", "note"),
    "company": ("name", "inn", "points", "website", "note"),
}


def draw_new_client() -> None:
    """Draw the page's main button; the dialog asks whether it is a person or a company."""
    if st.button(_("Client"), key="add_client", icon=":material/add:", type="primary"):
        _open("contact", None)


def draw_new_person(company_id: int) -> None:
    """Draw the button that adds a person to a company."""
    if st.button(_("Add a person"), key="add_person", icon=":material/person_add:", type="tertiary"):
        _open("contact", company_id)


def _open(kind: str, company_id: int | None) -> None:
    for key in [name for name in st.session_state if str(name).startswith(_PREFIX)]:
        del st.session_state[key]
    st.session_state[f"{_PREFIX}_kind"] = kind

    @page_dialog(_("New client"))
    def ask() -> None:
        _draw(company_id)

    ask()


def _draw(company_id: int | None) -> None:
    outcome: act.Outcome[int] | None = st.session_state.get(_OUTCOME)
    if outcome is not None and not outcome.ok:
        st.error(outcome.message, icon=":material/error:")
    kind = "contact"
    if company_id is None:
        chosen = st.segmented_control(
            _("Who is it?"),
            list(KINDS),
            format_func=lambda code: _(KINDS[code]),
            key=f"{_PREFIX}_kind",
            required=True,
            label_visibility="collapsed",
        )
        kind = chosen or kind
    typed: dict[str, Any] = {}
    for key in _KEYS[kind]:
        start = company_id if key == "company" else None
        typed[key] = draw_field(key, f"{_PREFIX}_{kind}", start, outcome, client_label(kind, key))
        if key == "points":
            known = st.container()
    with known:
        _draw_known(kind, typed)
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button(_("Cancel"), key=f"{_PREFIX}_cancel", type="tertiary"):
            st.rerun()
        if st.button(_("Add"), key=f"{_PREFIX}_save", type="primary"):
            _create(kind, typed)


def _draw_known(kind: str, typed: dict[str, Any]) -> None:
    points = typed_points(typed["points"])
    if kind == "company":
        raw = typed_record("", points, company=typed["name"], inn=typed["inn"])
        fields: CompanyFields | ContactFields = CompanyFields(
            typed["name"], inn=typed["inn"], website=typed["website"], note=typed["note"]
        )
    else:
        company_id = typed["company"]
        raw = typed_record(typed["name"], points, company=client_names([company_id], [])[0] if company_id else "")
        fields = ContactFields(typed["name"], typed["position"], company_id, typed["note"])
    draw_known(EntityType(kind), raw, key=_PREFIX, points=points, typed=fields)


def _create(kind: str, typed: dict[str, Any]) -> None:
    points = typed_points(typed["points"])
    if kind == "company":
        outcome = act.run(
            create_company, name=typed["name"], inn=typed["inn"], website=typed["website"], note=typed["note"],
            points=points,
        )  # fmt: skip
    else:
        outcome = act.run(
            create_contact, name=typed["name"], position=typed["position"], company_id=typed["company"],
            note=typed["note"], points=points,
        )  # fmt: skip
    if not outcome.ok or outcome.value is None:
        st.session_state[_OUTCOME] = outcome
        redraw()
    outcome.told(_("Client added"))
    go_to("clients", **{kind: outcome.value or 0})
