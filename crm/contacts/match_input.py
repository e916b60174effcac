"""Rows of contacts, companies and deals as the records that matching compares, and what is our own.

The comments on deals are not read: they tell more about the work than about the client.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from urllib.parse import urlsplit

from sqlalchemy import select
from sqlalchemy.orm import InstrumentedAttribute, Session

from crm.auth.visibility import deal_in_use
from crm.matching.fetching import fetch
from crm.matching.normalise.mailboxes import public_domains
from crm.matching.values import OwnIdentifiers, RawRecord
from crm.models import Company, Contact, ContactPoint, Deal, DealContact, EntityType, PointKind

_MATCHED_POINTS = (PointKind.PHONE, PointKind.EMAIL, PointKind.WEBSITE)
_OURS = "SELECT 'said', CAST(own_identifiers AS TEXT) FROM workspace UNION ALL SELECT 'user', email FROM users"
_Points = Mapping[int, Mapping[PointKind, Sequence[str]]]


def raw_records(session: Session, entity_type: EntityType, ids: Sequence[int]) -> dict[int, RawRecord]:
    """Return records in use by their ids, in two or three statements; removed and merged ones are left out."""
    return _READERS[entity_type](session, ids)


def own_identifiers(session: Session) -> OwnIdentifiers:
    """Return what the company said of itself, and the mailboxes and domains of its users."""
    said: list[str] = []
    mailboxes = set()
    for place, text in fetch(session.connection(), _OURS, ()):
        if place == "said":
            said = json.loads(text or "null") or []
        else:
            mailboxes.add(text.lower())
    return own_of(tuple(said), frozenset(mailboxes))


@lru_cache(maxsize=16)
def own_of(said: tuple[str, ...], of_users: frozenset[str] = frozenset()) -> OwnIdentifiers:
    """Sort what is our own, as the settings store it, and mailboxes of users; their domains are ours, too."""
    mailboxes = of_users | {one for one in said if "@" in one}
    phones = [one for one in said if one.startswith("+")]
    domains = {one for one in said if "@" not in one and not one.startswith("+")}
    domains |= {domain for mailbox in mailboxes if (domain := mailbox.rpartition("@")[2]) not in public_domains()}
    return OwnIdentifiers(
        phones=frozenset(one for one in phones if not one.endswith("*")),
        mailboxes=mailboxes,
        domains=frozenset(domains),
        phone_prefixes=tuple(sorted(one.removesuffix("*") for one in phones if one.endswith("*"))),
    )


def _contacts(session: Session, ids: Sequence[int]) -> dict[int, RawRecord]:
    points = _points(session, ContactPoint.contact_id, ids)
    rows = session.execute(
        select(Contact.id, Contact.name, Contact.position, Contact.note, Company.name, Company.inn, Company.address)
        .outerjoin(Company, Company.id == Contact.company_id)
        .where(Contact.id.in_(ids), Contact.merged_into_id.is_(None))
    )
    return {
        key: RawRecord(
            record_id=str(key),
            name=name,
            position=position or "",
            comment=note or "",
            phones=tuple(points[key][PointKind.PHONE]),
            emails=tuple(points[key][PointKind.EMAIL]),
            company=company or "",
            inn=inn or "",
            address=address or "",
        )
        for key, name, position, note, company, inn, address in rows
    }


def _companies(session: Session, ids: Sequence[int]) -> dict[int, RawRecord]:
    points = _points(session, ContactPoint.company_id, ids)
    rows = session.execute(
        select(Company.id, Company.name, Company.inn, Company.website, Company.address, Company.note).where(
            Company.id.in_(ids), Company.merged_into_id.is_(None)
        )
    )
    return {
        key: RawRecord(
            record_id=str(key),
            company=name,
            inn=inn or "",
            address=address or "",
            comment=note or "",
            phones=tuple(points[key][PointKind.PHONE]),
            emails=(*points[key][PointKind.EMAIL], *_of_sites([website, *points[key][PointKind.WEBSITE]])),
        )
        for key, name, inn, website, address, note in rows
    }


def _deals(session: Session, ids: Sequence[int]) -> dict[int, RawRecord]:
    clients: dict[int, list[str]] = defaultdict(list)
    parts = select(DealContact.deal_id, DealContact.contact_id).where(DealContact.deal_id.in_(ids))
    for deal_id, contact_id in session.execute(parts.order_by(DealContact.position, DealContact.contact_id)):
        clients[deal_id].append(f"contact:{contact_id}")
    rows = session.execute(
        select(Deal.id, Deal.title, Deal.source, Deal.created_at, Deal.company_id).where(
            Deal.id.in_(ids), deal_in_use()
        )
    )
    return {
        key: RawRecord(
            record_id=str(key),
            deal_title=title,
            source=source or "",
            created_at=created_at,
            client_keys=(*clients[key], *([f"company:{company_id}"] if company_id else [])),
        )
        for key, title, source, created_at, company_id in rows
    }


_READERS: dict[EntityType, Callable[[Session, Sequence[int]], dict[int, RawRecord]]] = {
    EntityType.CONTACT: _contacts,
    EntityType.COMPANY: _companies,
    EntityType.DEAL: _deals,
}


def _points(session: Session, holder: InstrumentedAttribute[int | None], ids: Sequence[int]) -> _Points:
    points: dict[int, dict[PointKind, list[str]]] = defaultdict(lambda: defaultdict(list))
    query = select(holder, ContactPoint.kind, ContactPoint.normalised).where(
        holder.in_(ids), ContactPoint.kind.in_(_MATCHED_POINTS)
    )
    for key, kind, normalised in session.execute(query.order_by(ContactPoint.position, ContactPoint.id)):
        if key is not None:
            points[key][kind].append(normalised)
    return points


def _of_sites(sites: Iterable[str | None]) -> list[str]:
    """Return a mailbox of everybody's at each site: whoever has a site has that domain."""
    hosts = {(urlsplit(site).hostname or "").removeprefix("www.") for site in sites if site}
    return sorted(f"info@{host}" for host in hosts if "." in host)
