"""Adding what was typed to a client who is known already: empty fields and new contact points, nothing replaced."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.permissions import Action, require
from crm.contacts.commands import edit_company, edit_contact
from crm.contacts.fields import CompanyFields, ContactFields
from crm.contacts.points import add_company_point, add_contact_point
from crm.contacts.saving import fields_of, present_points, take_client
from crm.models import Company, Contact, PointKind


@dataclass(frozen=True, slots=True)
class Added:
    """What became of what was typed: names of fields filled and of fields left as they were, and new points."""

    filled: tuple[str, ...]
    left_out: tuple[str, ...]
    points: tuple[str, ...]


def add_to_client(
    session: Session,
    actor: Actor,
    *,
    client_id: int,
    typed: CompanyFields | ContactFields,
    points: Sequence[tuple[PointKind, str]],
) -> Added:
    """Fill a client's empty fields and add contact points; whether it is a company, the type of `typed` tells.

    Errors: Forbidden; NotFound; InvalidInput with every wrong value.
    """
    require(actor, Action.WORK_CLIENTS)
    client: Company | Contact
    if isinstance(typed, CompanyFields):
        client = take_client(session, actor, Company, client_id)
    else:
        client = take_client(session, actor, Contact, client_id)
    given = {field.name: value for field in dataclasses.fields(typed) if (value := getattr(typed, field.name))}
    filled = {name: value for name, value in given.items() if not getattr(client, name)}
    left_out = tuple(name for name, value in given.items() if name not in filled and value != getattr(client, name))
    if isinstance(client, Company):
        company = dataclasses.replace(fields_of(client, CompanyFields), **filled)
        edit_company(session, actor, company_id=client_id, expected_version=client.version, fields=company)
    else:
        person = dataclasses.replace(fields_of(client, ContactFields), **filled)
        edit_contact(session, actor, contact_id=client_id, expected_version=client.version, fields=person)
    before = {point.normalised for point in present_points(session, client)}
    for kind, value in points:
        if isinstance(client, Company):
            add_company_point(session, actor, company_id=client_id, kind=kind, value=value)
        else:
            add_contact_point(session, actor, contact_id=client_id, kind=kind, value=value)
    new = tuple(point.value for point in present_points(session, client) if point.normalised not in before)
    return Added(tuple(filled), left_out, new)
