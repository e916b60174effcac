"""Creating, editing and handing over companies and contacts."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.permissions import Action, require
from crm.clock import utc_now
from crm.contacts.fields import (
    CompanyFields,
    ContactFields,
    checked_company,
    checked_contact,
    checked_points,
    owner_violations,
)
from crm.contacts.saving import (
    columns_of,
    fields_of,
    finish_change,
    insert_client,
    present_points,
    save_client,
    take_client,
)
from crm.contacts.search import phone_region
from crm.errors import Violation, refuse_if_any
from crm.models import Company, Contact, PointKind

TypedPoints = Sequence[tuple[PointKind, str]]


def create_company(
    session: Session,
    actor: Actor,
    *,
    name: str,
    inn: str | None = None,
    website: str | None = None,
    address: str | None = None,
    industry: str | None = None,
    note: str | None = None,
    parent_id: int | None = None,
    owner_id: int | None = None,
    points: TypedPoints = (),
) -> int:
    """Create a company of the actor, or of another owner the actor sees; return its id.

    Errors: Forbidden; InvalidInput with every wrong value.
    """
    require(actor, Action.WORK_CLIENTS)
    found: list[Violation] = []
    region = phone_region(session)
    typed = CompanyFields(name, inn, website, address, industry, note, parent_id)
    stored = checked_company(session, actor, typed, region, found)
    kept = checked_points(points, region, found)
    owner_id = owner_id if owner_id is not None else actor.user_id
    found += owner_violations(session, actor, owner_id)
    refuse_if_any(found)
    company = Company(**columns_of(stored), owner_id=owner_id, created_at=utc_now())
    return insert_client(session, actor, company, kept)


def create_contact(
    session: Session,
    actor: Actor,
    *,
    name: str,
    position: str | None = None,
    company_id: int | None = None,
    note: str | None = None,
    owner_id: int | None = None,
    points: TypedPoints = (),
) -> int:
    """Create a contact of the actor, or of another owner the actor sees; return its id.

    Errors: Forbidden; InvalidInput with every wrong value.
    """
    require(actor, Action.WORK_CLIENTS)
    found: list[Violation] = []
    stored = checked_contact(session, actor, ContactFields(name, position, company_id, note), found)
    kept = checked_points(points, phone_region(session), found)
    owner_id = owner_id if owner_id is not None else actor.user_id
    found += owner_violations(session, actor, owner_id)
    refuse_if_any(found)
    contact = Contact(**columns_of(stored), owner_id=owner_id, created_at=utc_now())
    return insert_client(session, actor, contact, kept)


def edit_company(
    session: Session,
    actor: Actor,
    *,
    company_id: int,
    expected_version: int,
    fields: CompanyFields,
    points: TypedPoints | None = None,
) -> None:
    """Replace a company's fields, and its contact points where they are given.

    Errors: Forbidden; NotFound; ChangedMeanwhile; InvalidInput with every wrong value.
    """
    require(actor, Action.WORK_CLIENTS)
    company = take_client(session, actor, Company, company_id, expected_version)
    found: list[Violation] = []
    region = phone_region(session)
    present = fields_of(company, CompanyFields)
    stored = checked_company(session, actor, fields, region, found, present=present, company_id=company_id)
    kept = None if points is None else checked_points(points, region, found, present_points(session, company))
    refuse_if_any(found)
    save_client(session, actor, company, stored, kept)


def edit_contact(
    session: Session,
    actor: Actor,
    *,
    contact_id: int,
    expected_version: int,
    fields: ContactFields,
    points: TypedPoints | None = None,
) -> None:
    """Replace a contact's fields, and its contact points where they are given.

    Errors: Forbidden; NotFound; ChangedMeanwhile; InvalidInput with every wrong value.
    """
    require(actor, Action.WORK_CLIENTS)
    contact = take_client(session, actor, Contact, contact_id, expected_version)
    found: list[Violation] = []
    stored = checked_contact(session, actor, fields, found, present=fields_of(contact, ContactFields))
    kept = (
        None
        if points is None
        else checked_points(points, phone_region(session), found, present_points(session, contact))
    )
    refuse_if_any(found)
    save_client(session, actor, contact, stored, kept)


def set_contact_company(
    session: Session, actor: Actor, *, contact_id: int, expected_version: int, company_id: int | None
) -> None:
    """Put a contact into a company, or into none.

    Errors: Forbidden; NotFound; ChangedMeanwhile; InvalidInput for a company the actor doesn't see.
    """
    require(actor, Action.WORK_CLIENTS)
    contact = take_client(session, actor, Contact, contact_id, expected_version)
    present = fields_of(contact, ContactFields)
    found: list[Violation] = []
    wanted = ContactFields(present.name, present.position, company_id, present.note)
    stored = checked_contact(session, actor, wanted, found, present=present)
    refuse_if_any(found)
    save_client(session, actor, contact, stored, None)


def reassign_company(session: Session, actor: Actor, *, company_id: int, expected_version: int, owner_id: int) -> None:
    """Give a company to another owner; its deals stay with theirs.

    Errors: Forbidden; NotFound; ChangedMeanwhile; InvalidInput for an owner who can't take it.
    """
    require(actor, Action.REASSIGN_DEALS)
    _give(session, actor, take_client(session, actor, Company, company_id, expected_version), owner_id)


def reassign_contact(session: Session, actor: Actor, *, contact_id: int, expected_version: int, owner_id: int) -> None:
    """Give a contact to another owner; its deals stay with theirs.

    Errors: Forbidden; NotFound; ChangedMeanwhile; InvalidInput for an owner who can't take it.
    """
    require(actor, Action.REASSIGN_DEALS)
    _give(session, actor, take_client(session, actor, Contact, contact_id, expected_version), owner_id)


def _give(session: Session, actor: Actor, client: Company | Contact, owner_id: int) -> None:
    refuse_if_any(owner_violations(session, actor, owner_id))
    before = client.owner_id
    client.owner_id = owner_id
    finish_change(session, actor, client, "reassigned", {} if before == owner_id else {"owner": [before, owner_id]})
