"""Keeping `search_entries`: the words of each record, and marks that say its kind and whose view it belongs to.

Whoever changes a record's name, points, owner, company or contacts calls `index_records` afterwards. The marks let the
index itself skip what an actor may not see; they only speed up: every search checks visibility in SQL as well.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, cast

from sqlalchemy import ColumnElement, Select, delete, literal, select, union, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import InstrumentedAttribute, Session

from crm.auth.visibility import deal_in_use
from crm.contacts.match_upkeep import forget_matching, keep_matching
from crm.contacts.search_words import words_of_company, words_of_contact, words_of_deal
from crm.models import Company, Contact, ContactPoint, Deal, DealContact, EntityType, PointKind, SearchEntry

KINDS = ("deal", "contact", "company")
_MARK = "§"  # no typed word can hold it
_ROWS_AT_ONCE = 500
_IN_USE = {
    "deal": deal_in_use(),
    "contact": Contact.merged_into_id.is_(None),
    "company": Company.merged_into_id.is_(None),
}

Owners = dict[int, set[int]]
Points = dict[int, dict[PointKind, list[str]]]


def owner_mark(owner_id: int) -> str:
    """Return the mark of records that this owner sees."""
    return f"{_MARK}{owner_id}"


def kind_mark(kind: str) -> str:
    """Return the mark of records of a kind."""
    return f"{_MARK}{kind}"


def index_records(session: Session, kind: str, record_ids: Iterable[int]) -> None:
    """Read records of a kind (deal, contact or company), make them findable and comparable, in few statements per 500.

    Call it for a deal after its title, owner, company or contacts changed: its clients get the owner's mark too.
    """
    session.flush()
    for ids in _in_batches(record_ids):
        words = _READERS[kind](session, ids)
        _store(session, kind, {key: " ".join(filter(None, found)) for key, found in words.items()})
        if kind == "deal":
            _mark_clients(session, ids)
        keep_matching(session, EntityType(kind), ids)


def forget_records(session: Session, kind: str, record_ids: Iterable[int]) -> None:
    """Take records of a kind out of the search, and out of what matching compares."""
    for ids in _in_batches(record_ids):
        session.execute(delete(SearchEntry).where(SearchEntry.kind == kind, SearchEntry.record_id.in_(ids)))
        forget_matching(session, EntityType(kind), ids)


def rebuild_search(session: Session) -> None:
    """Index every record anew, oldest first, and drop entries of records that are gone."""
    for kind, key in (("company", Company.id), ("contact", Contact.id), ("deal", Deal.id)):
        present = select(key).where(_IN_USE[kind])
        gone = SearchEntry.record_id.not_in(present)
        session.execute(delete(SearchEntry).where(SearchEntry.kind == kind, gone))
        after = 0
        while ids := session.scalars(select(key).where(key > after).order_by(key).limit(_ROWS_AT_ONCE)).all():
            index_records(session, kind, ids)
            after = ids[-1]


def _in_batches(record_ids: Iterable[int]) -> Iterator[list[int]]:
    ids = iter(dict.fromkeys(record_ids))
    while batch := list(islice(ids, _ROWS_AT_ONCE)):
        yield batch


def _deal_words(session: Session, ids: Sequence[int]) -> dict[int, list[str]]:
    rows = session.execute(select(Deal.id, Deal.title, Deal.owner_id).where(Deal.id.in_(ids), deal_in_use()))
    return {key: [words_of_deal(key, title), *_marks("deal", {owner_id})] for key, title, owner_id in rows}


def _contact_words(session: Session, ids: Sequence[int]) -> dict[int, list[str]]:
    owners = _owners(
        session,
        select(Contact.id, Contact.owner_id).where(Contact.id.in_(ids)),
        select(DealContact.contact_id, Deal.owner_id)
        .join(Deal, Deal.id == DealContact.deal_id)
        .where(DealContact.contact_id.in_(ids), deal_in_use()),
    )
    points = _points(session, ContactPoint.contact_id, ids)
    named = select(Contact.id, Contact.name, Contact.position).where(Contact.id.in_(ids), _IN_USE["contact"])
    rows = session.execute(named)
    return {
        key: [words_of_contact(name, position, **_by_kind(points[key])), *_marks("contact", owners[key])]
        for key, name, position in rows
    }


def _company_words(session: Session, ids: Sequence[int]) -> dict[int, list[str]]:
    owners = _owners(
        session,
        select(Company.id, Company.owner_id).where(Company.id.in_(ids)),
        select(Deal.company_id, Deal.owner_id).where(Deal.company_id.in_(ids), deal_in_use()),
    )
    points = _points(session, ContactPoint.company_id, ids)
    named = select(Company.id, Company.name, Company.inn, Company.website)
    rows = session.execute(named.where(Company.id.in_(ids), _IN_USE["company"]))
    return {
        key: [words_of_company(name, inn, website, **_by_kind(points[key])), *_marks("company", owners[key])]
        for key, name, inn, website in rows
    }


_READERS: dict[str, Callable[[Session, Sequence[int]], dict[int, list[str]]]] = {
    "deal": _deal_words,
    "contact": _contact_words,
    "company": _company_words,
}


def _owners(session: Session, own: Select[int, int], by_deals: Select[Any, int]) -> Owners:
    owners: Owners = defaultdict(set)
    for key, owner_id in session.execute(union(own, by_deals)):
        owners[key].add(owner_id)
    return owners


def _points(session: Session, holder: InstrumentedAttribute[int | None], ids: Sequence[int]) -> Points:
    points: Points = defaultdict(lambda: defaultdict(list))
    query = select(ContactPoint.kind, ContactPoint.normalised).where(holder.in_(ids)).order_by(ContactPoint.id)
    for kind, normalised, key in session.execute(query.add_columns(cast(ColumnElement[int], holder))):
        points[key][kind].append(normalised)
    return points


def _by_kind(points: dict[PointKind, list[str]]) -> dict[str, list[str]]:
    return {
        "phones": points[PointKind.PHONE],
        "emails": points[PointKind.EMAIL],
        "others": points[PointKind.TELEGRAM] + points[PointKind.WEBSITE],
    }


def _marks(kind: str, owner_ids: set[int]) -> list[str]:
    return [kind_mark(kind), *(owner_mark(owner_id) for owner_id in sorted(owner_ids))]


def _store(session: Session, kind: str, words_by_id: dict[int, str]) -> None:
    if not words_by_id:
        return
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    rows = [{"kind": kind, "record_id": key, "words": words} for key, words in words_by_id.items()]
    statement = insert(SearchEntry).values(rows)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["kind", "record_id"],
            set_={"words": statement.excluded.words},
            where=SearchEntry.words != statement.excluded.words,
        )
    )


def _mark_clients(session: Session, deal_ids: Sequence[int]) -> None:
    companies = select(Company.id, Deal.owner_id).join(Deal, Deal.company_id == Company.id)
    contacts = select(DealContact.contact_id, Deal.owner_id).join(Deal, Deal.id == DealContact.deal_id)
    for kind, query in (("company", companies), ("contact", contacts)):
        clients: dict[int, list[int]] = defaultdict(list)
        for key, owner_id in session.execute(query.where(Deal.id.in_(deal_ids), deal_in_use()).distinct()):
            clients[owner_id].append(key)
        for owner_id, keys in clients.items():
            # Appended by the database itself: two deals saved at once must not drop each other's mark.
            mark = owner_mark(owner_id)
            marked = (literal(" ") + SearchEntry.words + " ").contains(f" {mark} ")
            session.execute(
                update(SearchEntry)
                .where(SearchEntry.kind == kind, SearchEntry.record_id.in_(keys), ~marked)
                .values(words=SearchEntry.words + f" {mark}")
                .execution_options(synchronize_session=False)
            )
