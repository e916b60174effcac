"""The demo's duplicates: clients who came twice in another spelling, and a purchase entered by two people."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.contacts.normalise import check_point
from crm.contacts.search_index import index_records
from crm.imports.demo.clients import Client
from crm.imports.demo.courses import open_course
from crm.imports.demo.deals import DemoDeal, invent_deal
from crm.imports.demo.script import Script
from crm.imports.journal import Journal
from crm.models import Company, Contact, ContactPoint, PointKind
from crm.pipelines.values import PipelineInfo

_TWIN_OF = (3, 8, 14, 21)  # numbers of the clients that came a second time


def add_twins(
    session: Session, script: Script, journal: Journal, owners: Sequence[int], clients: Sequence[Client]
) -> list[Client]:
    """Enter some clients a second time, each with other gaps and another spelling."""
    made = []
    for number, spelling in zip(_TWIN_OF, script.words["twins"]["people"], strict=True):
        known = clients[number]
        contact = session.get_one(Contact, known.contact_ids[0])
        phone, email = _points(session, contact.id)
        first, last = contact.name.split(" ", 1)
        twin = Contact(
            name=spelling["name"].format(first=first, last=last, initial=first[0], phone=phone),
            company_id=_company(session, script, journal, known, spelling, owners[number % len(owners)]),
            owner_id=owners[(number + 1) % len(owners)],
            created_at=script.now,
        )
        session.add(twin)
        session.flush()
        _add_point(session, twin.id, spelling.get("keeps", ""), phone, email)
        journal.made("contact", twin.id)
        made.append(Client(twin.company_id, (twin.id,)))
    index_records(session, "company", [twin.company_id for twin in made if twin.company_id is not None])
    index_records(session, "contact", [twin.contact_ids[0] for twin in made])
    return made


def twin_deals(
    script: Script,
    pipeline: PipelineInfo,
    owners: Sequence[int],
    twins: Sequence[Client],
    deals: Sequence[tuple[Client, DemoDeal]],
) -> list[tuple[Client, DemoDeal]]:
    """Return a deal of each twin, and a second one of a purchase that a colleague has entered already."""
    titles = script.words["deals"]["titles"]
    made = [
        (twin, _open_deal(script, pipeline, owners[at % len(owners)], twin, titles[at % len(titles)].format(n=5)))
        for at, twin in enumerate(twins)
    ]
    client, known = next((client, deal) for client, deal in deals if deal.columns["pipeline_id"] == pipeline.id)
    owner_id = next(owner for owner in owners if owner != known.columns["owner_id"])
    return [*made, (client, _open_deal(script, pipeline, owner_id, client, known.columns["title"]))]


def _open_deal(script: Script, pipeline: PipelineInfo, owner_id: int, client: Client, title: str) -> DemoDeal:
    amount = script.plot.randrange(40_000_00, 400_000_00, 1_000_00)
    course = open_course(script, pipeline, owner_id, lacks="company" if client.company_id is None else None)
    return invent_deal(script, pipeline, owner_id, client, course, title, amount)


def _company(
    session: Session, script: Script, journal: Journal, known: Client, spelling: dict[str, str], owner_id: int
) -> int | None:
    pattern = spelling.get("company")
    if not pattern or known.company_id is None:
        return None
    name = session.get_one(Company, known.company_id).name
    bare = name
    for form in script.words["clients"]["forms"]:
        before, after = form.split("{}")
        bare = bare.removeprefix(before).removesuffix(after) if name.startswith(before) else bare
    company = Company(name=pattern.format(bare=bare), owner_id=owner_id, created_at=script.now)
    session.add(company)
    session.flush()
    journal.made("company", company.id)
    return company.id


def _points(session: Session, contact_id: int) -> tuple[str, str]:
    query = select(ContactPoint.kind, ContactPoint.value).where(ContactPoint.contact_id == contact_id)
    values = dict(session.execute(query).all())
    return values[PointKind.PHONE], values[PointKind.EMAIL]


def _add_point(session: Session, contact_id: int, keeps: str, phone: str, email: str) -> None:
    if not keeps:
        return
    kind = PointKind(keeps)
    point = check_point(kind, phone if kind is PointKind.PHONE else email, "RU", keeps, [])
    if point is not None:
        session.add(
            ContactPoint(contact_id=contact_id, kind=point.kind, value=point.value, normalised=point.normalised)
        )
