"""The list of clients: companies and people, newest first, a page at a time, found by search or all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Select, case, func, select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.visibility import deal_visible
from crm.contacts.reads import PointLine, first_points
from crm.contacts.search import find_entries, phone_region
from crm.contacts.search_query import parse_query
from crm.models import Company, Contact, Deal, DealContact, DealStatus, PointKind, User

PAGE_ROWS = 50
CLIENT_KINDS = ("company", "contact")
_KEYS = {"company": Company.id, "contact": Contact.id}
_HEADS = {
    "company": select(Company.id, Company.name, Company.inn, User.name, Company.created_at).join(
        User, User.id == Company.owner_id
    ),
    "contact": select(Contact.id, Contact.name, Company.name, User.name, Contact.created_at)
    .join(User, User.id == Contact.owner_id)
    .outerjoin(Company, Company.id == Contact.company_id),
}


@dataclass(frozen=True, slots=True)
class ClientRow:
    """A company or a person in the list; `detail` is the person's company or the company's taxpayer number."""

    kind: str
    id: int
    name: str
    detail: str | None
    phone: PointLine | None
    email: PointLine | None
    owner_name: str
    created_at: datetime
    open_deals: int  # of those the actor sees
    all_deals: int


@dataclass(frozen=True, slots=True)
class ClientPage:
    """A page of the list; `next_page` is given to the next call, None on the last page."""

    rows: tuple[ClientRow, ...]
    next_page: int | None


def load_clients(
    session: Session,
    actor: Actor,
    *,
    kinds: Sequence[str] = CLIENT_KINDS,
    text: str = "",
    owner_id: int | None = None,
    page: int | None = None,
    limit: int = PAGE_ROWS,
) -> ClientPage:
    """Return a page of visible clients, the newest first; an owner's are those owned or worked on in a deal."""
    reader = actor
    if owner_id is not None:
        if not actor.sees_owner(owner_id):
            return ClientPage((), None)
        reader = replace(actor, visible_owner_ids=frozenset({owner_id}))
    query = parse_query(text, phone_region(session))
    if text.strip() and query.is_empty:
        return ClientPage((), None)
    entries = find_entries(session, reader, query, kinds, limit + 1, before=page)
    shown = entries[:limit]
    rows: dict[tuple[str, int], ClientRow] = {}
    for kind in CLIENT_KINDS:
        ids = [entry.record_id for entry in shown if entry.kind == kind]
        rows |= {(kind, row.id): row for row in _rows(session, actor, kind, ids)}
    found = (rows.get((entry.kind, entry.record_id)) for entry in shown)
    return ClientPage(tuple(row for row in found if row), shown[-1].id if len(entries) > limit else None)


def _rows(session: Session, actor: Actor, kind: str, ids: Sequence[int]) -> Iterator[ClientRow]:
    if not ids:
        return
    points = first_points(session, kind, ids)
    deals = {key: (open_deals, all_deals) for key, open_deals, all_deals in session.execute(_counts(actor, kind, ids))}
    for key, name, detail, owner_name, created_at in session.execute(_HEADS[kind].where(_KEYS[kind].in_(ids))):
        yield ClientRow(
            kind=kind,
            id=key,
            name=name,
            detail=detail,
            phone=points.get((key, PointKind.PHONE)),
            email=points.get((key, PointKind.EMAIL)),
            owner_name=owner_name,
            created_at=created_at,
            open_deals=deals.get(key, (0, 0))[0],
            all_deals=deals.get(key, (0, 0))[1],
        )


def _counts(actor: Actor, kind: str, ids: Sequence[int]) -> Select[Any, int, int]:
    still_open = func.sum(case((Deal.status == DealStatus.OPEN, 1), else_=0))
    if kind == "company":
        query = select(Deal.company_id, still_open, func.count()).where(Deal.company_id.in_(ids))
        return query.where(deal_visible(actor)).group_by(Deal.company_id)
    query = select(DealContact.contact_id, still_open, func.count()).join(Deal, Deal.id == DealContact.deal_id)
    return query.where(DealContact.contact_id.in_(ids), deal_visible(actor)).group_by(DealContact.contact_id)
