"""Choosing a deal's company and contacts: from short lists, by search, or by adding a new one in place."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.contacts.choices import company_choices, contact_choices
from crm.contacts.commands import create_company, create_contact
from crm.db import read_scope
from crm.deals.values import DealPart
from crm.i18n import _
from crm.models import EntityType, PointKind
from crm.ui import act
from crm.ui.duplicate_hint import draw_known_to_choose, typed_record
from crm.ui.forms import field_error
from crm.ui.page import signed_in_actor


def company_input(label: str, *, key: str, value: int | None, error: str | None = None) -> int | None:
    """Draw the choice of a company; text that is no company yet is searched for and can be added."""
    chosen = st.session_state.get(key, value)
    text = chosen if isinstance(chosen, str) else ""
    names = _companies(keep=[value, chosen], text=text)
    options: list[int | str] = list(names)
    typed = st.selectbox(
        label,
        options,
        index=options.index(value) if value in names else None,
        format_func=lambda option: names.get(option, str(option)) if isinstance(option, int) else option,
        key=key,
        placeholder=_("Find by name or INN, or type a new one"),
        accept_new_options=True,
    )
    field_error(error)
    if isinstance(typed, str):
        _offer_company(typed, key)
        return value
    return typed


def contacts_input(
    label: str, *, key: str, value: Sequence[DealPart], error: str | None = None, company_id: int | None = None
) -> tuple[DealPart, ...]:
    """Draw the choice of contacts, the main one first; roles of those kept stay."""
    roles = {part.contact_id: part.role for part in value}
    pending = st.session_state.get(f"{key}_added", {})
    start = [*roles, *pending]
    current = st.session_state.get(key, start)
    text = next((one for one in current if isinstance(one, str)), "")
    names = _contacts(keep=[*start, *(one for one in current if isinstance(one, int))], company=company_id, text=text)
    typed = st.multiselect(
        label,
        list(names),
        default=[one for one in start if one in names],
        format_func=lambda option: names.get(option, str(option)) if isinstance(option, int) else option,
        key=key,
        placeholder=_("Find by name or phone"),
        accept_new_options=True,
    )
    field_error(error)
    _offer_contact(text, key, company_id)
    chosen = [one for one in typed if isinstance(one, int)]
    return tuple(DealPart(one, roles.get(one, pending.get(one, ""))) for one in chosen)


def _companies(*, keep: Sequence[object], text: str) -> dict[int, str]:
    actor = signed_in_actor()
    if actor is None:
        return {}
    with read_scope() as session:
        return company_choices(session, actor, keep=[one for one in keep if isinstance(one, int)], text=text)


def _contacts(*, keep: Sequence[int], company: int | None, text: str) -> dict[int, str]:
    actor = signed_in_actor()
    if actor is None:
        return {}
    with read_scope() as session:
        return contact_choices(session, actor, keep=keep, company_id=company, text=text)


def _offer_company(name: str, key: str) -> None:
    st.button(
        _("Add this company"),
        key=f"{key}_add",
        icon=":material/add_business:",
        on_click=_add_company,
        args=(name, key),
        help=_("It is not among yours yet. To use one of the found ones, choose it in the list."),
    )
    raw = typed_record("", (), company=name)
    draw_known_to_choose(EntityType.COMPANY, raw, key=key, choose=lambda found: _choose_company(key, found))


def _add_company(name: str, key: str) -> None:
    outcome = act.run(_new_company, name)
    outcome.told(_("Company added"))
    if outcome.ok:
        st.session_state[key] = outcome.value


def _new_company(session: Session, actor: Actor, name: str) -> int:
    return create_company(session, actor, name=name)


def _offer_contact(text: str, key: str, company_id: int | None) -> None:
    with st.popover(_("New contact"), icon=":material/person_add:", type="tertiary"):
        name = st.text_input(_("Full name"), value=text, key=f"{key}_new_name", live="400ms")
        phone = st.text_input(_("Phone"), key=f"{key}_new_phone", live="400ms")
        email = st.text_input(_("E-mail"), key=f"{key}_new_email", live="400ms")
        role = st.text_input(_("Role in the deal"), key=f"{key}_new_role", max_chars=100)
        points = _typed(phone, email)
        draw_known_to_choose(
            EntityType.CONTACT, typed_record(name, points), key=f"{key}_new",
            choose=lambda found: _choose_contact(key, found, role),
        )  # fmt: skip
        outcome = st.session_state.pop(f"{key}_new_outcome", None)
        if outcome is not None and not outcome.ok:
            field_error(outcome.full_message)
        st.button(
            _("Add contact"),
            key=f"{key}_new_save",
            on_click=_add_contact,
            args=(key, company_id, (name, phone, email, role)),
        )


def _add_contact(key: str, company_id: int | None, typed: tuple[str, str, str, str]) -> None:
    name, phone, email, role = typed
    outcome = act.run(_new_contact, name, company_id, _typed(phone, email))
    if not outcome.ok or outcome.value is None:
        st.session_state[f"{key}_new_outcome"] = outcome
        return
    outcome.told(_("Contact added"))
    _choose_contact(key, outcome.value, role)


def _choose_contact(key: str, contact_id: int, role: str) -> None:
    present = [one for one in st.session_state.get(key, []) if isinstance(one, int) and one != contact_id]
    st.session_state[key] = [*present, contact_id]
    st.session_state[f"{key}_added"] = {**st.session_state.get(f"{key}_added", {}), contact_id: role}
    for name_of_field in ("name", "phone", "email", "role"):
        st.session_state[f"{key}_new_{name_of_field}"] = ""


def _choose_company(key: str, company_id: int) -> None:
    st.session_state[key] = company_id


def _typed(phone: str, email: str) -> list[tuple[PointKind, str]]:
    return [(kind, value) for kind, value in ((PointKind.PHONE, phone), (PointKind.EMAIL, email)) if value.strip()]


def _new_contact(
    session: Session, actor: Actor, name: str, company_id: int | None, points: Sequence[tuple[PointKind, str]]
) -> int:
    return create_contact(session, actor, name=name, company_id=company_id, points=points)


def client_names(company_ids: Sequence[int], contact_ids: Sequence[int]) -> list[str]:
    """Return the names of companies, then of contacts; a number for one the reader doesn't see."""
    companies = _companies(keep=company_ids, text="") if company_ids else {}
    people = _contacts(keep=contact_ids, company=None, text="") if contact_ids else {}
    return [companies.get(one, f"#{one}") for one in company_ids] + [people.get(one, f"#{one}") for one in contact_ids]
