"""The demo's clients: companies with the people to talk to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.orm import Session

from crm.contacts.normalise import check_point
from crm.contacts.search_index import index_records
from crm.imports.demo.courses import PAST_DAYS
from crm.imports.demo.script import Script
from crm.imports.journal import Journal
from crm.models import Company, Contact, ContactPoint, PointKind


@dataclass(frozen=True, slots=True)
class Client:
    """A company with the people to talk to, or a person alone."""

    company_id: int | None
    contact_ids: tuple[int, ...]


def add_clients(session: Session, script: Script, journal: Journal, owners: Sequence[int]) -> list[Client]:
    """Add the clients; the last one has names that are traps for whatever draws them."""
    words, nasty = script.words["clients"], script.words["nasty"]
    names = [script.pick(words["forms"]).format(name) for name in words["names"]]
    people = [[_person_name(script) for _one in range(script.plot.randint(1, 2))] for _name in names]
    known_since = script.now - timedelta(days=PAST_DAYS)
    companies = [
        Company(
            name=name,
            industry=script.pick(words["industries"]),
            address=script.pick(words["addresses"]),
            website=f"https://client{number}.example",
            owner_id=owners[number % len(owners)],
            created_at=known_since,
        )
        for number, name in enumerate([*names, nasty["company"]])
    ]
    session.add_all(companies)
    session.flush()
    contacts = [
        [
            Contact(
                name=person, position=script.pick(words["positions"]), company_id=company.id,
                owner_id=company.owner_id, created_at=known_since,
            )
            for person in some
        ]
        for company, some in zip(companies, [*people, [nasty["contact"]]], strict=True)
    ]  # fmt: skip
    session.add_all(one for some in contacts for one in some)
    session.flush()
    for number, some in enumerate(contacts):
        for at, contact in enumerate(some):
            phone = words["phone"].format(number, at, 2 * number + at)
            _add_points(session, contact.id, phone, f"person{number}-{at}@client.example")
    clients = [
        Client(company.id, tuple(contact.id for contact in some))
        for company, some in zip(companies, contacts, strict=True)
    ]
    _note(session, journal, clients)
    return clients


def _note(session: Session, journal: Journal, clients: Sequence[Client]) -> None:
    company_ids = [client.company_id for client in clients if client.company_id is not None]
    contact_ids = [one for client in clients for one in client.contact_ids]
    for company_id in company_ids:
        journal.made("company", company_id)
    for contact_id in contact_ids:
        journal.made("contact", contact_id)
    index_records(session, "company", company_ids)
    index_records(session, "contact", contact_ids)


def _add_points(session: Session, contact_id: int, phone: str, email: str) -> None:
    typed = ((PointKind.PHONE, phone), (PointKind.EMAIL, email))
    points = [check_point(kind, text, "RU", kind.value, []) for kind, text in typed]
    session.add_all(
        ContactPoint(
            contact_id=contact_id, kind=point.kind, value=point.value, normalised=point.normalised, position=position
        )
        for position, point in enumerate(point for point in points if point is not None)
    )


def _person_name(script: Script) -> str:
    words = script.words["clients"]
    first = script.pick(words["first_names"])
    last = words["last_names_female"] if first in words["female"] else words["last_names_male"]
    return f"{first} {script.pick(last)}"
