"""Clients: the list of companies and people, and the card of one with all its deals."""

from __future__ import annotations

import streamlit as st

from crm.actor import Actor
from crm.auth.people import list_owners
from crm.auth.permissions import Action, may
from crm.contacts.commands import reassign_company, reassign_contact
from crm.contacts.reads import CompanyCard, ContactCard, load_company, load_contact
from crm.db import read_scope
from crm.errors import NotFound
from crm.i18n import _
from crm.i18n.texts import error_sentence
from crm.models import EntityType
from crm.ui import act
from crm.ui.client_card import draw_deals, draw_head, draw_people, draw_reach
from crm.ui.client_editor import begin_editing, draw_editor, is_editing
from crm.ui.clients_list import draw_list, plain_links
from crm.ui.device import is_phone
from crm.ui.duplicate_note import draw_twins, follow_merged
from crm.ui.forms import owner_input
from crm.ui.nav import page_link
from crm.ui.new_client import draw_new_client, draw_new_person
from crm.ui.page import is_same_page, open_page, page_fragment, redraw

open_page("clients")


@page_fragment("clients")
def draw_clients(actor: Actor) -> None:
    """Draw the list."""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.markdown(f"### {_('Clients')}")
        draw_new_client()
    draw_list(actor)


@page_fragment("clients")
def draw_client(actor: Actor, kind: str, client_id: int) -> None:
    """Draw the card of one client, or the editor in its place."""
    with st.container(key="client_back"):
        page_link("clients", _("All clients"), icon=":material/arrow_back:")
    card: CompanyCard | ContactCard
    try:
        with read_scope() as session:
            card = (load_company if kind == "company" else load_contact)(session, actor, client_id)
    except NotFound as error:
        follow_merged(error)
        st.info(error_sentence(error), icon=":material/search_off:")
        return
    draw_head(card)
    draw_twins(actor, EntityType(kind), client_id)
    if is_phone():  # the number to call comes first
        draw_about(actor, card)
        draw_deals(actor, card.deals)
        return
    left, right = st.columns([3, 2], gap="large")
    with right:
        draw_about(actor, card)
    with left:
        draw_deals(actor, card.deals)


def draw_about(actor: Actor, card: CompanyCard | ContactCard) -> None:
    """Draw how to reach the client and its people, or the editor while it is open."""
    if is_editing(card):
        draw_editor(card)
        return
    with st.container(horizontal=True):
        st.button(_("Edit"), key="client_edit", icon=":material/edit:", on_click=begin_editing, args=(card,))
        if may(actor, Action.REASSIGN_DEALS):
            draw_reassign(actor, card)
    with st.container(key="client_reach"):
        draw_reach(card)
        if isinstance(card, CompanyCard):
            draw_people(card.contacts, card.hidden_contacts)
    if isinstance(card, CompanyCard):
        draw_new_person(card.id)


def draw_reassign(actor: Actor, card: CompanyCard | ContactCard) -> None:
    """Draw the way to another owner; deals stay with theirs."""
    with st.popover(_("Hand over"), icon=":material/person_add:", type="tertiary"):
        with read_scope() as session:
            owners = list_owners(session, actor)
        st.caption(_("Deals stay with their owners; hand them over one by one."))
        owner_id = owner_input(_("New owner"), key=f"client_owner_{card.id}", names=owners, value=card.owner_id)
        ready = owner_id is not None and owner_id != card.owner_id
        if st.button(_("Hand over"), key="client_reassign", type="primary", disabled=not ready) and owner_id:
            if isinstance(card, CompanyCard):
                outcome = act.run(
                    reassign_company, company_id=card.id, expected_version=card.version, owner_id=owner_id
                )
            else:
                outcome = act.run(
                    reassign_contact, contact_id=card.id, expected_version=card.version, owner_id=owner_id
                )
            outcome.told(_("The client has a new owner"))
            redraw()


def asked_client() -> tuple[str, int] | None:
    """Return the kind and id of the client in the address; an unreadable id is nobody's."""
    for kind in ("company", "contact"):
        asked = st.query_params.get(kind)
        if asked is not None:
            return kind, int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 19 else 0
    return None


plain_links()
asked = asked_client()
# A link from one card to another leaves the old address in the browser: said again, so that a reload stays here. Not
# on coming from another page, whose address would get it.
if is_same_page():
    st.query_params.from_dict({asked[0]: str(asked[1])} if asked else {})
if asked:
    draw_client(*asked)
else:
    draw_clients()
