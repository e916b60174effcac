"""Finding deals, contacts and companies by words, phones, e-mails and numbers, newest first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, cast, column, func, literal, select, table
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from crm.actor import Actor
from crm.auth.visibility import company_visible, contact_visible, deal_visible
from crm.contacts.search_index import KINDS, kind_mark, owner_mark
from crm.contacts.search_query import Query, Words, fts5_expression, parse_query, tsquery_expression
from crm.models import Company, Contact, Deal, SearchEntry, Workspace

# PostgreSQL reads all that its index has before it sorts. Words that many records have are met among the newest
# entries anyway; only where these promise too little is the index asked.
DEPTHS = (2_000, 20_000)

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
    session: Session, actor: Actor, query: Query, kinds: Sequence[str], limit: int, *, before: int | None = None
) -> list[Entry]:
    """Return visible entries of the kinds that match, newest first; an empty query finds all of them.

    `before` is the id of the last entry of the page before.
    """
    # An index expression can't be empty: where nothing narrows it, every kind is asked for.
    marks = _marks(actor, kinds) or ([tuple(map(kind_mark, KINDS))] if query.is_empty else [])
    found: list[Entry] = []
    while len(found) < limit:
        candidates = _matching(session, query, marks, limit, before)
        found += _visible(session, actor, candidates)
        if len(candidates) < limit:
            break
        before = candidates[-1].id
    return found[:limit]


def matching_ids(session: Session, actor: Actor, kind: str, text: str) -> Select[int]:
    """Return the query of ids of a kind that match the text; who uses it checks what the actor may see."""
    return matching_records(session, actor, text, (kind,)).with_only_columns(SearchEntry.record_id)


def matching_records(session: Session, actor: Actor, text: str, kinds: Sequence[str] = KINDS) -> Select[str, int]:
    """Return the query of kinds and ids that match the text; who uses it checks what the actor may see."""
    query = parse_query(text, phone_region(session))
    marks = _marks(actor, kinds)
    statement = select(SearchEntry.kind, SearchEntry.record_id).where(SearchEntry.kind.in_(kinds))
    if query.is_empty:
        return statement.where(literal(0) == 1)
    if session.get_bind().dialect.name == "sqlite":
        return statement.join(_FTS, _FTS.c.rowid == SearchEntry.id).where(*_fts5_matches(query, marks))
    return statement.where(*_tsquery_matches(query, marks, SearchEntry.words))


def phone_region(session: Session) -> str:
    """Return the region whose phones are typed without a country."""
    return session.scalar(select(Workspace.phone_region)) or "RU"


def _marks(actor: Actor, kinds: Sequence[str]) -> list[Words]:
    marks = [] if set(kinds) == set(KINDS) else [tuple(map(kind_mark, kinds))]
    if actor.visible_owner_ids is not None:
        marks.append(tuple(map(owner_mark, sorted(actor.visible_owner_ids))))
    return marks


def _matching(
    session: Session, query: Query, marks: Sequence[Words], limit: int, before: int | None
) -> Sequence[Entry]:
    """Return the newest entries that the index has for the words and marks."""
    earlier = [] if before is None else [SearchEntry.id < before]
    entries = select(SearchEntry.id, SearchEntry.kind, SearchEntry.record_id)
    if session.get_bind().dialect.name == "sqlite":
        limits = [] if before is None else [_FTS.c.rowid < before]
        matches = entries.join(_FTS, _FTS.c.rowid == SearchEntry.id).where(*_fts5_matches(query, marks), *limits)
        return _read(session, matches.order_by(_FTS.c.rowid.desc()).limit(limit))
    for depth in DEPTHS:
        found = _read(session, _among_newest(query, marks, depth, earlier).limit(limit))
        if len(found) == limit:
            return found
        if len(found) * 8 < limit:
            break
    # The sum keeps the planner from walking the whole table backwards in search of rare words.
    matches = entries.where(*earlier, *_tsquery_matches(query, marks, SearchEntry.words))
    return _read(session, matches.order_by((SearchEntry.id + 0).desc()).limit(limit))


def _among_newest(
    query: Query, marks: Sequence[Words], depth: int, earlier: Sequence[ColumnElement[bool]]
) -> Select[int, str, int]:
    # A subquery, so that the planner takes the newest first and only then looks at their words.
    taken = select(SearchEntry).where(*earlier).order_by(SearchEntry.id.desc()).limit(depth)
    newest = aliased(SearchEntry, taken.subquery())
    matches = _tsquery_matches(query, marks, newest.words)
    return select(newest.id, newest.kind, newest.record_id).where(*matches).order_by(newest.id.desc())


def _visible(session: Session, actor: Actor, entries: Sequence[Entry]) -> list[Entry]:
    """Leave what the actor may see: a mark in the index may have outlived a deal's owner."""
    if actor.visible_owner_ids is None:
        return list(entries)
    rules = {
        "deal": (Deal.id, deal_visible(actor)),
        "contact": (Contact.id, contact_visible(actor)),
        "company": (Company.id, company_visible(actor)),
    }
    seen: set[tuple[str, int]] = set()
    for kind, (key, rule) in rules.items():
        ids = [entry.record_id for entry in entries if entry.kind == kind]
        if ids:
            seen |= {(kind, record_id) for record_id in session.scalars(select(key).where(key.in_(ids), rule))}
    return [entry for entry in entries if (entry.kind, entry.record_id) in seen]


def _fts5_matches(query: Query, marks: Iterable[Words]) -> list[ColumnElement[bool]]:
    matches = _FTS.c.search_fts.op("MATCH", is_comparison=True)(fts5_expression(query, marks))
    return [matches, *_initials_match(query, SearchEntry.words)]


def _tsquery_matches(
    query: Query, marks: Iterable[Words], words: InstrumentedAttribute[str]
) -> list[ColumnElement[bool]]:
    # The very expression that the index is made of.
    lexemes = func.array_to_tsvector(func.string_to_array(words, " "))
    matches = lexemes.op("@@", is_comparison=True)(cast(tsquery_expression(query, marks), TSQUERY))
    return [matches, *_initials_match(query, words)]


def _initials_match(query: Query, words: InstrumentedAttribute[str]) -> list[ColumnElement[bool]]:
    # A single letter begins far too many words for an index; it narrows what the other words found.
    spaced: ColumnElement[str] = literal(" ") + words
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
