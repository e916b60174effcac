"""Companies and contacts as flat records with their points: one by its id, and lists by filter, newest first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.merged import not_found
from crm.auth.visibility import company_visible, contact_visible
from crm.contacts.fields import CompanyFields, ContactFields
from crm.contacts.normalise import Point
from crm.contacts.saving import fields_of
from crm.contacts.search import matching_ids
from crm.models import Company, Contact, ContactPoint

Client = TypeVar("Client", Company, Contact)


@dataclass(frozen=True, slots=True)
class CompanyFilter:
    """Which companies a list holds; None does not narrow. `inn` is a taxpayer number as stored: digits only."""

    owner_id: int | None = None
    inn: str | None = None
    parent_id: int | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class ContactFilter:
    """Which contacts a list holds; None does not narrow."""

    owner_id: int | None = None
    company_id: int | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class CompanyRecord:
    """A company's own values and its points."""

    id: int
    version: int
    fields: CompanyFields
    owner_id: int
    created_at: datetime
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class ContactRecord:
    """A contact's own values and its points."""

    id: int
    version: int
    fields: ContactFields
    owner_id: int
    created_at: datetime
    points: tuple[Point, ...]


def load_company_record(session: Session, actor: Actor, company_id: int) -> CompanyRecord:
    """Return one company.

    Errors: NotFound.
    """
    rows = _rows(session, Company, [Company.id == company_id, company_visible(actor)], 1)
    if not rows:
        raise not_found(session, actor, "company", company_id)
    return _company_records(session, rows)[0]


def load_contact_record(session: Session, actor: Actor, contact_id: int) -> ContactRecord:
    """Return one contact.

    Errors: NotFound.
    """
    rows = _rows(session, Contact, [Contact.id == contact_id, contact_visible(actor)], 1)
    if not rows:
        raise not_found(session, actor, "contact", contact_id)
    return _contact_records(session, rows)[0]


def list_companies(
    session: Session, actor: Actor, wanted: CompanyFilter, *, before: int | None = None, limit: int = 50
) -> list[CompanyRecord]:
    """Return visible companies, the newest first; `before` is the id of the last one seen."""
    conditions = [company_visible(actor), *_equal(Company, wanted)]
    if wanted.text is not None:
        conditions.append(Company.id.in_(matching_ids(session, actor, "company", wanted.text)))
    if before is not None:
        conditions.append(Company.id < before)
    return _company_records(session, _rows(session, Company, conditions, limit))


def list_contacts(
    session: Session, actor: Actor, wanted: ContactFilter, *, before: int | None = None, limit: int = 50
) -> list[ContactRecord]:
    """Return visible contacts, the newest first; `before` is the id of the last one seen."""
    conditions = [contact_visible(actor), *_equal(Contact, wanted)]
    if wanted.text is not None:
        conditions.append(Contact.id.in_(matching_ids(session, actor, "contact", wanted.text)))
    if before is not None:
        conditions.append(Contact.id < before)
    return _contact_records(session, _rows(session, Contact, conditions, limit))


def _equal(table: type[Company] | type[Contact], wanted: CompanyFilter | ContactFilter) -> list[ColumnElement[bool]]:
    given = {field.name: getattr(wanted, field.name) for field in fields(wanted) if field.name != "text"}
    return [getattr(table, name) == value for name, value in given.items() if value is not None]


def _rows(
    session: Session, table: type[Client], conditions: Sequence[ColumnElement[bool]], limit: int
) -> Sequence[Client]:
    query = select(table).where(*conditions).order_by(table.id.desc()).limit(limit)
    return session.scalars(query.execution_options(populate_existing=True)).all()


def _company_records(session: Session, rows: Sequence[Company]) -> list[CompanyRecord]:
    points = _points(session, ContactPoint.company_id, [row.id for row in rows])
    return [
        CompanyRecord(
            row.id, row.version, fields_of(row, CompanyFields), row.owner_id, row.created_at, tuple(points[row.id])
        )
        for row in rows
    ]


def _contact_records(session: Session, rows: Sequence[Contact]) -> list[ContactRecord]:
    points = _points(session, ContactPoint.contact_id, [row.id for row in rows])
    return [
        ContactRecord(
            row.id, row.version, fields_of(row, ContactFields), row.owner_id, row.created_at, tuple(points[row.id])
        )
        for row in rows
    ]


def _points(session: Session, holder: Any, ids: Sequence[int]) -> dict[int, list[Point]]:
    found: dict[int, list[Point]] = defaultdict(list)
    if not ids:
        return found
    query = select(holder, ContactPoint.kind, ContactPoint.value, ContactPoint.normalised).where(holder.in_(ids))
    for holder_id, kind, value, normalised in session.execute(query.order_by(ContactPoint.position, ContactPoint.id)):
        found[holder_id].append(Point(kind, value, normalised))
    return found
