"""The settings page's company part, for administrators: name, language, money, time, and who sees what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import streamlit as st
from phonenumbers import SUPPORTED_REGIONS

from crm.actor import Actor
from crm.auth.fields import known_timezones
from crm.auth.workspace import USUAL_CURRENCIES, WorkspaceSettings, WorkspaceValues, edit_workspace, load_workspace
from crm.contacts.own_identifiers import load_own_identifiers, save_own_identifiers
from crm.db import read_scope
from crm.i18n import LANGUAGES, _
from crm.i18n.labels import label
from crm.i18n.places import country_choices, currency_label, timezone_choices, timezone_label
from crm.models import Role, Scope
from crm.ui.act import run
from crm.ui.form_errors import ErrorPlaces

T = TypeVar("T")


def draw_company(actor: Actor) -> None:
    """Draw the company's settings, and below them what it calls its own."""
    _draw_values(actor)
    _draw_own_identifiers(actor)


def _draw_values(actor: Actor) -> None:
    with read_scope() as session:
        present = load_workspace(session, actor)
    places = ErrorPlaces()
    mark = _mark(present)
    with st.form(mark, width=640):
        places.keep()
        values = _ask_for_values(present, places)
        st.markdown(f"**{_('Who sees which deals and clients')}**")
        visibility = {
            role: _choose(
                label(role),
                {scope: label(scope) for scope in Scope},
                present.visibility[role],
                f"{mark}_see_{role.value}",
            )
            for role in (Role.MANAGER, Role.HEAD)
        } | {Role.ADMIN: Scope.ALL}
        st.caption(_("Administrators always see everything."))
        places.keep("visibility")
        if not st.form_submit_button(_("Save"), type="primary", key="company_save"):
            return
    outcome = run(edit_workspace, expected_version=present.version, values=values, visibility=visibility)
    if not outcome.ok:
        places.tell(outcome)
        return
    outcome.told(_("Saved"))
    st.rerun()


def _draw_own_identifiers(actor: Actor) -> None:
    with read_scope() as session:
        present = load_own_identifiers(session, actor)
    places = ErrorPlaces()
    with st.form("own_identifiers", width=640):
        st.markdown(f"**{_('Our own phones and addresses')}**")
        places.keep()
        typed = st.text_area(
            _("One on each line: a phone, the beginning of our numbers with *, an e-mail or a domain"),
            value="\n".join(present),
            height=140,
            placeholder="+7 495 780-00-00\n+7495781*\nsales@company.com\ncompany.com",
            key="own_identifiers_typed",
        )
        places.keep("own_identifiers")
        st.caption(_("Clients are never taken for one another because of these. Users' e-mails count by themselves."))
        if not st.form_submit_button(_("Save"), key="own_identifiers_save"):
            return
    outcome = run(save_own_identifiers, typed=(typed or "").splitlines())
    if not outcome.ok:
        places.tell(outcome)
        return
    outcome.told(_("Saved"))
    st.rerun()


def _ask_for_values(present: WorkspaceSettings, places: ErrorPlaces) -> WorkspaceValues:
    values, mark = present.values, _mark(present)
    zones = dict(timezone_choices(known_timezones()))
    zones.setdefault(values.timezone, timezone_label(values.timezone))
    currencies = dict.fromkeys((*USUAL_CURRENCIES, values.currency))
    name = st.text_input(_("Name of the company"), value=values.name, max_chars=200, key=f"{mark}_name")
    places.keep("name")
    language = _choose(_("Language"), LANGUAGES, values.language, f"{mark}_language")
    places.keep("language")
    currency = _choose(
        _("Currency"), {code: currency_label(code) for code in currencies}, values.currency, f"{mark}_currency"
    )
    places.keep("currency")
    zone = _choose(_("Time zone"), zones, values.timezone, f"{mark}_timezone")
    places.keep("timezone")
    region = _choose(
        _("Country of local phone numbers"), dict(country_choices(SUPPORTED_REGIONS)), values.phone_region,
        f"{mark}_phone_region",
    )  # fmt: skip
    places.keep("phone_region")
    return WorkspaceValues(name or "", language, currency, zone, region)


def _mark(present: WorkspaceSettings) -> str:
    """Return what the keys of the fields begin with: values saved by somebody else are shown, not overwritten."""
    return f"company_{present.version}"


def _choose(text: str, choices: Mapping[T, str], present: T, key: str) -> T:
    codes = list(choices)
    chosen = st.selectbox(text, codes, index=codes.index(present), format_func=lambda code: choices[code], key=key)
    return present if chosen is None else chosen
