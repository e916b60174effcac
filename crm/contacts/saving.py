"""Rows of companies, contacts and their points: taken for a change, written, recorded and made findable."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.merged import not_found
from crm.auth.visibility import company_visible, contact_visible
from crm.contacts.fields import CompanyFields, ContactFields
from crm.contacts.normalise import Point
from crm.contacts.search_index import index_records
from crm.errors import ChangedMeanwhile
from crm.events import record
from crm.models import Company, Contact, ContactPoint

Client = TypeVar("Client", Company, Contact)
F = TypeVar("F", CompanyFields, ContactFields)


def take_client(
    session: Session, actor: Actor, table: type[Client], client_id: int, expected_version: int | None = None
) -> Client:
    """Return the client's row, locked until the transaction ends.

    Errors: NotFound; ChangedMeanwhile when an expected version is given and is not the present one.
    """
    visible = company_visible(actor) if table is Company else contact_visible(actor)
    # PostgreSQL locks the row; on SQLite the write transaction already holds the whole file.
    query = select(table).where(table.id == client_id, visible).with_for_update()
    client = session.scalars(query.execution_options(populate_existing=True)).one_or_none()
    if client is None:
        raise not_found(session, actor, _entity(table), client_id)
    if expected_version is not None and client.version != expected_version:
        raise ChangedMeanwhile(entity=_entity(table), id=client_id, version=client.version)
    return client


def insert_client(session: Session, actor: Actor, client: Company | Contact, points: Iterable[Point]) -> int:
    """Store a new client with its points and return its id."""
    session.add(client)
    session.flush()
    rows = [_row(client, point, position) for position, point in enumerate(points)]
    session.add_all(rows)
    kind = _entity(type(client))
    record(session, actor, f"{kind}.created", kind, client.id, name=client.name, points=_shown(rows))
    index_records(session, kind, [client.id])
    return client.id


def save_client(
    session: Session,
    actor: Actor,
    client: Company | Contact,
    stored: CompanyFields | ContactFields | None,
    points: Sequence[Point] | None,
) -> None:
    """Write what differs, fields and points; None for either leaves it as it is."""
    changed: dict[str, Any] = {}
    for name, value in columns_of(stored).items() if stored else ():
        before = getattr(client, name)
        if value != before:
            setattr(client, name, value)
            changed[name] = [before, value]
    if points is not None:
        changed |= _replace_points(session, client, points)
    finish_change(session, actor, client, "edited", changed)


def finish_change(
    session: Session, actor: Actor, client: Company | Contact, verb: str, changed: dict[str, Any]
) -> None:
    """Raise the version, record `{field: [before, after]}` and index the client anew; nothing where nothing changed."""
    if not changed:
        return
    client.version += 1
    kind = _entity(type(client))
    record(session, actor, f"{kind}.{verb}", kind, client.id, changes=changed)
    index_records(session, kind, [client.id])


def present_points(session: Session, client: Company | Contact) -> list[Point]:
    """Return a client's points in their order."""
    return [Point(row.kind, row.value, row.normalised) for row in _point_rows(session, client)]


def columns_of(stored: CompanyFields | ContactFields) -> dict[str, Any]:
    """Return fields as columns by name."""
    return {field.name: getattr(stored, field.name) for field in dataclasses.fields(stored)}


def fields_of(client: Company | Contact, kind: type[F]) -> F:
    """Return the present fields of a row."""
    return kind(**{field.name: getattr(client, field.name) for field in dataclasses.fields(kind)})


def _replace_points(session: Session, client: Company | Contact, points: Sequence[Point]) -> dict[str, Any]:
    rows = _point_rows(session, client)
    before = _shown(rows)
    by_key = {(row.kind, row.normalised): row for row in rows}
    after: list[ContactPoint] = []
    for position, point in enumerate(points):
        row = by_key.pop((point.kind, point.normalised), None)
        if row is None:
            row = _row(client, point, position)
            session.add(row)
        row.value, row.position = point.value, position
        after.append(row)
    for row in by_key.values():
        session.delete(row)
    session.flush()
    return {} if before == _shown(after) else {"points": [before, _shown(after)]}


def _point_rows(session: Session, client: Company | Contact) -> list[ContactPoint]:
    holder = ContactPoint.company_id if isinstance(client, Company) else ContactPoint.contact_id
    query = select(ContactPoint).where(holder == client.id).order_by(ContactPoint.position, ContactPoint.id)
    return list(session.scalars(query))


def _row(client: Company | Contact, point: Point, position: int) -> ContactPoint:
    holder = "company_id" if isinstance(client, Company) else "contact_id"
    columns = {"kind": point.kind, "value": point.value, "normalised": point.normalised, "position": position}
    return ContactPoint(**{holder: client.id}, **columns)


def _shown(rows: Iterable[ContactPoint]) -> list[str]:
    return [row.value for row in rows]


def _entity(table: type[Company] | type[Contact]) -> str:
    return "company" if table is Company else "contact"
