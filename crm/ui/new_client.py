"""The dialog that adds a person or a company, and tells while one types who is known already."""

from __future__ import annotations

from typing import Any

import streamlit as st

from crm.contacts.commands import create_company, create_contact
from crm.contacts.existing import ExistingClient, find_existing
from crm.contacts.normalise import readable_phone
from crm.db import read_scope
from crm.i18n import N_, _
from crm.models import PointKind
from crm.ui import act
from crm.ui.client_fields import client_label, draw_field, typed_points
from crm.ui.markdown import md
from crm.ui.nav import go_to, page_link
from crm.ui.page import page_dialog, redraw, signed_in_actor

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
        if key in {"points", "inn"}:
            _draw_known(typed["points"] if key == "points" else "", typed["inn"] if key == "inn" else None)
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button(_("Cancel"), key=f"{_PREFIX}_cancel", type="tertiary"):
            st.rerun()
        if st.button(_("Add"), key=f"{_PREFIX}_save", type="primary"):
            _create(kind, typed)


def _draw_known(points: str, inn: str | None) -> None:
    actor = signed_in_actor()
    if actor is None or not (points or inn):
        return
    typed = typed_points(points)
    with read_scope() as session:
        known = find_existing(
            session, actor, inn=inn,
            phones=[value for kind, value in typed if kind is PointKind.PHONE],
            emails=[value for kind, value in typed if kind is PointKind.EMAIL],
        )  # fmt: skip
    for client in known:
        _draw_hint(client)


def _draw_hint(client: ExistingClient) -> None:
    matched = md(readable_phone(client.matched or ""))
    if client.record_id is None or client.name is None:
        owner = md(client.owner_name)
        st.info(_("{value} is known to a colleague: {owner}. Ask before you call.", value=matched, owner=owner))
        return
    with st.container(border=True, gap=None):
        st.caption(_("{value} is known already:", value=matched))
        name = f"{md(client.name)} :gray[· {md(client.owner_name)}]"
        icon = ":material/apartment:" if client.kind == "company" else ":material/person:"
        page_link("clients", name, icon=icon, **{client.kind: client.record_id})


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
