"""Companies: lists, one company, creating, editing, handing over."""

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
from crm.api.v1.schemas.clients import CompanyEdit, CompanyNew, CompanyOut
from crm.api.v1.schemas.deals import Handover
from crm.api.v1.strict_route import StrictRoute
from crm.api.v1.values import PathId, QueryId, QueryText
from crm.contacts.commands import create_company, edit_company, reassign_company
from crm.contacts.fields import CompanyFields
from crm.contacts.records import CompanyFilter, list_companies, load_company_record
from crm.i18n import N_

LIST = "companies"

router = APIRouter(prefix="/companies", tags=["companies"], route_class=StrictRoute, responses=READ_REFUSALS)


class CompanyQuery(PageQuery):
    """Filters of the list of companies."""

    owner_id: QueryId | None = None
    inn: QueryText | None = Field(default=None, description=N_("Taxpayer number, digits only"))
    parent_id: QueryId | None = None
    text: QueryText | None = Field(default=None, description=N_("Words, a phone in any form, an e-mail"))


@router.get("", response_model=Page[CompanyOut], summary=N_("List companies"), description=N_("Newest first."))
def get_companies(query: Annotated[CompanyQuery, Query()], call: Reading) -> Response:
    """List companies."""
    place = place_of(query.cursor, LIST, 1)
    wanted = CompanyFilter(query.owner_id, query.inn, query.parent_id, query.text)
    with call.reading() as (session, actor):
        rows = list_companies(session, actor, wanted, before=place[0] if place else None, limit=query.limit + 1)
    return answer_of(page_of(rows, query.limit, LIST, CompanyOut.of, lambda company: (company.id,)))


@router.post(
    "",
    status_code=201,
    response_model=CompanyOut,
    responses=WRITE_REFUSALS,
    summary=N_("Create a company"),
)
def post_company(body: CompanyNew, call: Writing) -> Response:
    """Create a company."""

    def act(session: Session, actor: Actor) -> CompanyOut:
        fields = dataclasses.asdict(body.over(CompanyFields("")))
        points = body.typed_points() or ()
        company_id = create_company(session, actor, **fields, owner_id=body.owner_id, points=points)
        return CompanyOut.of(load_company_record(session, actor, company_id))

    return call.perform(act, status=201, collection=LIST)


@router.get(
    "/{company_id}",
    response_model=CompanyOut,
    responses=NOT_FOUND,
    summary=N_("Read a company"),
    description=N_("The ETag is its version."),
)
def get_company(company_id: PathId, call: Reading) -> Response:
    """Read a company."""
    with call.reading() as (session, actor):
        record = load_company_record(session, actor, company_id)
    return answer_of(CompanyOut.of(record))


@router.patch(
    "/{company_id}",
    response_model=CompanyOut,
    responses=WRITE_REFUSALS,
    summary=N_("Edit a company"),
    description=N_("Values that are left out stay."),
)
def patch_company(company_id: PathId, body: CompanyEdit, call: VersionedWriting) -> Response:
    """Edit a company."""
    version = call.expected_version(body.expected_version)

    def act(session: Session, actor: Actor) -> CompanyOut:
        present = load_company_record(session, actor, company_id).fields
        edit_company(
            session,
            actor,
            company_id=company_id,
            expected_version=version,
            fields=body.over(present),
            points=body.typed_points(),
        )
        return CompanyOut.of(load_company_record(session, actor, company_id))

    return call.perform(act)


@router.post(
    "/{company_id}/reassign",
    response_model=CompanyOut,
    responses=WRITE_REFUSALS,
    summary=N_("Hand a company over"),
    description=N_("For heads and administrators. Its deals stay with their owners."),
)
def post_company_reassign(company_id: PathId, body: Handover, call: VersionedWriting) -> Response:
    """Hand a company over."""
    version = call.expected_version(body.expected_version)

    def act(session: Session, actor: Actor) -> CompanyOut:
        reassign_company(session, actor, company_id=company_id, expected_version=version, owner_id=body.owner_id)
        return CompanyOut.of(load_company_record(session, actor, company_id))

    return call.perform(act)
