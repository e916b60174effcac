"""Telling who is already known under a phone, an e-mail or a taxpayer number, before a client is entered twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy import Select, and_, or_, select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.visibility import company_visible, contact_visible
from crm.contacts.normalise import check_point, inn_or_none
from crm.contacts.search import phone_region
from crm.models import Company, Contact, ContactPoint, PointKind, User

MATCHES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class ExistingClient:
    """A client that has one of the asked values; one the actor may not see has neither id nor name."""

    kind: str  # contact, company
    record_id: int | None
    name: str | None
    owner_name: str
    matched: str  # the value both have, as it is compared


def find_existing(
    session: Session, actor: Actor, *, phones: Iterable[str] = (), emails: Iterable[str] = (), inn: str | None = None
) -> tuple[ExistingClient, ...]:
    """Return at most five clients that have one of these values, visible ones first; unreadable values match nobody."""
    region = phone_region(session)
    typed = [*((PointKind.PHONE, text) for text in phones), *((PointKind.EMAIL, text) for text in emails)]
    points = [check_point(kind, text, region, kind.value, []) for kind, text in typed if text.strip()]
    wanted = [
        and_(ContactPoint.kind == point.kind, ContactPoint.normalised == point.normalised) for point in points if point
    ]
    found: list[ExistingClient] = []
    if wanted:
        found += _read(session, "contact", _contacts(actor).where(or_(*wanted)))
        found += _read(session, "company", _companies(actor).where(or_(*wanted)))
    number = inn_or_none(inn, region, "inn", [])
    if number:
        of_number = select(Company.id, Company.name, User.name, Company.inn, company_visible(actor))
        of_number = of_number.join(User, User.id == Company.owner_id)
        living = Company.merged_into_id.is_(None)
        found += _read(session, "company", of_number.where(Company.inn == number, living))
    found.sort(key=lambda client: client.record_id is None)
    return tuple(dict.fromkeys(found))[:MATCHES_SHOWN]


def _contacts(actor: Actor) -> Select[int, str, str, str | None, bool]:
    return (
        select(Contact.id, Contact.name, User.name, ContactPoint.normalised, contact_visible(actor))
        .join(ContactPoint, ContactPoint.contact_id == Contact.id)
        .join(User, User.id == Contact.owner_id)
        .where(Contact.merged_into_id.is_(None))
        .order_by(Contact.id)
    )


def _companies(actor: Actor) -> Select[int, str, str, str | None, bool]:
    return (
        select(Company.id, Company.name, User.name, ContactPoint.normalised, company_visible(actor))
        .join(ContactPoint, ContactPoint.company_id == Company.id)
        .join(User, User.id == Company.owner_id)
        .where(Company.merged_into_id.is_(None))
        .order_by(Company.id)
    )


def _read(session: Session, kind: str, query: Select[int, str, str, str | None, bool]) -> Iterator[ExistingClient]:
    for record_id, name, owner_name, matched, visible in session.execute(query.limit(MATCHES_SHOWN * 4)):
        yield ExistingClient(kind, record_id if visible else None, name if visible else None, owner_name, matched or "")
