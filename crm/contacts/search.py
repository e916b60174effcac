"""Finding deals, contacts and companies by words, phones, e-mails and numbers, newest first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, and_, cast, column, exists, func, literal, or_, select, table
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.visibility import company_visible, contact_visible, deal_visible
from crm.contacts.search_index import KINDS, kind_mark, owner_mark
from crm.contacts.search_query import Query, Words, fts5_expression, parse_query, tsquery_expression
from crm.models import Company, Contact, Deal, SearchEntry, Workspace

# PostgreSQL reads its whole index before it sorts; words that half the records have are met among the newest anyway.
NEWEST_LOOKED_THROUGH = 5_000

_FTS = table("search_fts", column("rowid"), column("search_fts"))
_TITLES = {
    "deal": (
        select(Deal.id, Deal.title, Company.name).outerjoin(Company, Company.id == Deal.company_id),
        Deal.id,
    ),
    "contact": (
        select(Contact.id, Contact.name, Company.name).outerjoin(Company, Company.id == Contact.company_id),
        Contact.id,
    ),
    "company": (select(Company.id, Company.name, Company.inn), Company.id),
}


@dataclass(frozen=True, slots=True)
class SearchHit:
    """A found record: its kind (deal, contact, company), its name and what tells it from others."""

    kind: str
    record_id: int
    title: str
    subtitle: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A visible record in the search index; entries are in the order in which records were first indexed."""

    id: int
    kind: str
    record_id: int


def search(
    session: Session, actor: Actor, text: str, *, limit: int = 20, kinds: Sequence[str] = KINDS
) -> list[SearchHit]:
    """Return visible records that have every word of the text, the deal of that number first, then the newest."""
    query = parse_query(text, phone_region(session))
    found: list[tuple[str, int]] = []
    if query.deal_number is not None and "deal" in kinds:
        numbered = select(Deal.id).where(Deal.id == query.deal_number, deal_visible(actor))
        found = [("deal", number) for number in session.scalars(numbered)]
    if not query.is_empty:
        found += [(entry.kind, entry.record_id) for entry in find_entries(session, actor, query, kinds, limit)]
    return _hits(session, list(dict.fromkeys(found))[:limit])


def find_entries(
    session: Session,
    actor: Actor,
    query: Query,
    kinds: Sequence[str],
    limit: int,
    *,
    before: int | None = None,
    owner_id: int | None = None,
) -> list[Entry]:
    """Return visible entries of the kinds that match, newest first; an empty query finds all of them.

    `before` is the id of the last entry of the page before; `owner_id` keeps records that person owns or works on.
    """
    marks = _marks(actor, kinds, owner_id)
    visible = _visible(actor, kinds)
    earlier = [] if before is None else [SearchEntry.id < before]
    if session.get_bind().dialect.name == "sqlite":
        matches = [*_fts5_matches(query, marks), *visible]
        limits = [] if before is None else [_FTS.c.rowid < before]
        statement = _entries().join(_FTS, _FTS.c.rowid == SearchEntry.id).where(*matches, *limits)
        return _read(session, statement.order_by(_FTS.c.rowid.desc()).limit(limit))
    matches = [*_tsquery_matches(query, marks), *visible]
    newest = select(SearchEntry.id).where(*earlier).order_by(SearchEntry.id.desc()).limit(NEWEST_LOOKED_THROUGH)
    oldest_of_them = select(func.min(newest.subquery().c.id)).scalar_subquery()
    recent = _entries().where(SearchEntry.id >= oldest_of_them, *earlier, *matches)
    found = _read(session, recent.order_by(SearchEntry.id.desc()).limit(limit))
    if len(found) == limit:
        return found
    # The sum keeps the planner from walking the whole table backwards in search of rare words.
    whole = _entries().where(*earlier, *matches).order_by((SearchEntry.id + 0).desc()).limit(limit)
    return _read(session, whole)


def matching_ids(session: Session, actor: Actor, kind: str, text: str) -> Select[int]:
    """Return the query of ids of a kind that match the text; who uses it checks what the actor may see."""
    query = parse_query(text, phone_region(session))
    marks = _marks(actor, (kind,), None)
    statement = select(SearchEntry.record_id).where(SearchEntry.kind == kind)
    if query.is_empty:
        return statement.where(literal(0) == 1)
    if session.get_bind().dialect.name == "sqlite":
        return statement.join(_FTS, _FTS.c.rowid == SearchEntry.id).where(*_fts5_matches(query, marks))
    return statement.where(*_tsquery_matches(query, marks))


def phone_region(session: Session) -> str:
    """Return the region whose phones are typed without a country."""
    return session.scalar(select(Workspace.phone_region)) or "RU"


def _marks(actor: Actor, kinds: Sequence[str], owner_id: int | None) -> list[Words]:
    marks = [] if set(kinds) == set(KINDS) else [tuple(map(kind_mark, kinds))]
    if owner_id is not None:
        marks.append((owner_mark(owner_id),))
    if actor.visible_owner_ids is not None:
        marks.append(tuple(map(owner_mark, sorted(actor.visible_owner_ids))))
    # An index expression can't be empty: without words and marks every kind is asked for.
    return marks or [tuple(map(kind_mark, KINDS))]


def _visible(actor: Actor, kinds: Sequence[str]) -> list[ColumnElement[bool]]:
    of_kind = SearchEntry.kind.in_(kinds)
    if actor.visible_owner_ids is None:
        return [of_kind]
    deal = exists().where(Deal.id == SearchEntry.record_id, deal_visible(actor))
    contact = exists().where(Contact.id == SearchEntry.record_id, contact_visible(actor))
    company = exists().where(Company.id == SearchEntry.record_id, company_visible(actor))
    rules = (("deal", deal), ("contact", contact), ("company", company))
    return [of_kind, or_(*(and_(SearchEntry.kind == kind, rule) for kind, rule in rules))]


def _entries() -> Select[int, str, int]:
    return select(SearchEntry.id, SearchEntry.kind, SearchEntry.record_id)


def _fts5_matches(query: Query, marks: Iterable[Words]) -> list[ColumnElement[bool]]:
    matches = _FTS.c.search_fts.op("MATCH", is_comparison=True)(fts5_expression(query, marks))
    return [matches, *_initials_match(query)]


def _tsquery_matches(query: Query, marks: Iterable[Words]) -> list[ColumnElement[bool]]:
    # The very expression that the index is made of.
    lexemes = func.array_to_tsvector(func.string_to_array(SearchEntry.words, " "))
    matches = lexemes.op("@@", is_comparison=True)(cast(tsquery_expression(query, marks), TSQUERY))
    return [matches, *_initials_match(query)]


def _initials_match(query: Query) -> list[ColumnElement[bool]]:
    # A single letter begins far too many words for an index; it narrows what the other words found.
    spaced: ColumnElement[str] = literal(" ") + SearchEntry.words
    return [spaced.contains(f" {letter}") for letter in query.initials]


def _read(session: Session, statement: Select[int, str, int]) -> list[Entry]:
    return [Entry(*row) for row in session.execute(statement)]


def _hits(session: Session, found: Sequence[tuple[str, int]]) -> list[SearchHit]:
    ids = {kind: [record_id for of_kind, record_id in found if of_kind == kind] for kind in KINDS}
    named: dict[tuple[str, int], SearchHit] = {}
    for kind, (query, key) in _TITLES.items():
        if ids[kind]:
            for record_id, title, subtitle in session.execute(query.where(key.in_(ids[kind]))):
                named[kind, record_id] = SearchHit(kind, record_id, title, subtitle or "")
    return [named[one] for one in found if one in named]
