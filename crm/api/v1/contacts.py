"""Contacts: lists, one contact, creating, editing, handing over."""

from __future__ import annotations

import dataclasses
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field
from sqlalchemy.orm import Session
from starlette.responses import Response

from crm.actor import Actor
from crm.api.v1.call import Reading, VersionedWriting, Writing, answer_of
from crm.api.v1.paging import Page, PageQuery, page_of, place_of
from crm.api.v1.refusals import NOT_FOUND, READ_REFUSALS, WRITE_REFUSALS
from crm.api.v1.schemas.clients import ContactEdit, ContactNew, ContactOut
from crm.api.v1.schemas.deals import Handover
from crm.api.v1.strict_route import StrictRoute
from crm.api.v1.values import PathId, QueryId, QueryText
from crm.contacts.commands import create_contact, edit_contact, reassign_contact
from crm.contacts.fields import ContactFields
from crm.contacts.records import ContactFilter, list_contacts, load_contact_record
from crm.i18n import N_

LIST = "contacts"

router = APIRouter(prefix="/contacts", tags=["contacts"], route_class=StrictRoute, responses=READ_REFUSALS)


class ContactQuery(PageQuery):
    """Filters of the list of contacts."""

    owner_id: QueryId | None = None
    company_id: QueryId | None = None
    text: QueryText | None = Field(default=None, description=N_("Words, a phone in any form, an e-mail"))


@router.get("", response_model=Page[ContactOut], summary=N_("List contacts"), description=N_("Newest first."))
def get_contacts(query: Annotated[ContactQuery, Query()], call: Reading) -> Response:
    """List contacts."""
    place = place_of(query.cursor, LIST, 1)
    wanted = ContactFilter(query.owner_id, query.company_id, query.text)
    with call.reading() as (session, actor):
        rows = list_contacts(session, actor, wanted, before=place[0] if place else None, limit=query.limit + 1)
    return answer_of(page_of(rows, query.limit, LIST, ContactOut.of, lambda contact: (contact.id,)))


@router.post(
    "",
    status_code=201,
    response_model=ContactOut,
    responses=WRITE_REFUSALS,
    summary=N_("Create a contact"),
)
def post_contact(body: ContactNew, call: Writing) -> Response:
    """Create a contact."""

    def act(session: Session, actor: Actor) -> ContactOut:
        fields = dataclasses.asdict(body.over(ContactFields("")))
        points = body.typed_points() or ()
        contact_id = create_contact(session, actor, **fields, owner_id=body.owner_id, points=points)
        return ContactOut.of(load_contact_record(session, actor, contact_id))

    return call.perform(act, status=201, collection=LIST)


@router.get(
    "/{contact_id}",
    response_model=ContactOut,
    responses=NOT_FOUND,
    summary=N_("Read a contact"),
    description=N_("The ETag is its version."),
)
def get_contact(contact_id: PathId, call: Reading) -> Response:
    """Read a contact."""
    with call.reading() as (session, actor):
        record = load_contact_record(session, actor, contact_id)
    return answer_of(ContactOut.of(record))


@router.patch(
    "/{contact_id}",
    response_model=ContactOut,
    responses=WRITE_REFUSALS,
    summary=N_("Edit a contact"),
    description=N_("Values that are left out stay."),
)
def patch_contact(contact_id: PathId, body: ContactEdit, call: VersionedWriting) -> Response:
    """Edit a contact."""
    version = call.expected_version(body.expected_version)

    def act(session: Session, actor: Actor) -> ContactOut:
        present = load_contact_record(session, actor, contact_id).fields
        edit_contact(
            session,
            actor,
            contact_id=contact_id,
            expected_version=version,
            fields=body.over(present),
            points=body.typed_points(),
        )
        return ContactOut.of(load_contact_record(session, actor, contact_id))

    return call.perform(act)


@router.post(
    "/{contact_id}/reassign",
    response_model=ContactOut,
    responses=WRITE_REFUSALS,
    summary=N_("Hand a contact over"),
    description=N_("For heads and administrators. Its deals stay with their owners."),
)
def post_contact_reassign(contact_id: PathId, body: Handover, call: VersionedWriting) -> Response:
    """Hand a contact over."""
    version = call.expected_version(body.expected_version)

    def act(session: Session, actor: Actor) -> ContactOut:
        reassign_contact(session, actor, contact_id=contact_id, expected_version=version, owner_id=body.owner_id)
        return ContactOut.of(load_contact_record(session, actor, contact_id))

    return call.perform(act)
