"""Keeping what was counted over a whole base, for the lookups until it is counted again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from sqlalchemy import delete, or_, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from crm.db import Database
from crm.matching.base_statistics import RECORDS
from crm.matching.keys import BLOCK
from crm.matching.statistics import DOMAIN, CountedStatistics
from crm.models import EntityType, IdentifierStat, TermFrequency

_ROWS_AT_ONCE = 2_000
_VALUE_LENGTH = 300
_HUB = "hub"
_Table = type[TermFrequency] | type[IdentifierStat]
_Row = dict[str, Any]


def keep_statistics(
    database: Database, entity_type: EntityType, counted: CountedStatistics, tell: Callable[[], None] = lambda: None
) -> None:
    """Replace what was counted before, in short transactions: a lookup meanwhile sees a part of the old, no gap.

    `tell` is called between them and may stop the work by an exception.
    """
    _replace(database, entity_type, TermFrequency, "field", _terms(entity_type, counted), tell)
    _replace(database, entity_type, IdentifierStat, "kind", _identifiers(entity_type, counted), tell)


def counted_records(session: Session, entity_type: EntityType) -> int:
    """Return over how many records statistics were counted last; 0 before the first time."""
    field, value = RECORDS
    query = select(TermFrequency.records).where(
        TermFrequency.entity_type == entity_type, TermFrequency.field == field, TermFrequency.value == value
    )
    return session.scalar(query) or 0


def _terms(entity_type: EntityType, counted: CountedStatistics) -> Iterator[_Row]:
    yield _term(entity_type, RECORDS, counted.record_count)
    for term, records in counted.repeated_terms():
        if len(term[1]) <= _VALUE_LENGTH:
            yield _term(entity_type, term, records)


def _term(entity_type: EntityType, term: tuple[str, str], records: int) -> _Row:
    return {"entity_type": entity_type, "field": term[0], "value": term[1], "records": records}


def _identifiers(entity_type: EntityType, counted: CountedStatistics) -> Iterator[_Row]:
    for (kind, value), facts in counted.repeated_identifiers():
        # The holders of all others are met by a lookup itself.
        if (kind == DOMAIN or facts.records > BLOCK) and len(value) <= _VALUE_LENGTH:
            yield {
                "entity_type": entity_type,
                "kind": kind,
                "value": value,
                "records": facts.records,
                "names": facts.names,
                "is_shared": facts.is_shared,
                "stop_reason": _HUB if facts.is_hub else None,
            }


def _replace(
    database: Database,
    entity_type: EntityType,
    table: _Table,
    name: str,
    rows: Iterable[_Row],
    tell: Callable[[], None],
) -> None:
    kept: set[tuple[str, str]] = set()
    ordered = iter(sorted(rows, key=lambda row: (row[name], row["value"])))
    while part := list(islice(ordered, _ROWS_AT_ONCE)):
        with database.session_scope() as session:
            _upsert(session, table, name, part)
        kept.update((row[name], row["value"]) for row in part)
        tell()
    after: tuple[str, str] | None = None
    while after is None or after[0]:
        after = _drop_others(database, entity_type, table, name, kept, after)
        tell()


def _upsert(session: Session, table: _Table, name: str, rows: Sequence[_Row]) -> None:
    insertion = (sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert)(table)
    keys = {"entity_type", name, "value"}
    changed = {column: insertion.excluded[column] for column in rows[0] if column not in keys}
    other = or_(*(getattr(table, column).is_distinct_from(value) for column, value in changed.items()))
    upsert = insertion.on_conflict_do_update(index_elements=["entity_type", name, "value"], set_=changed, where=other)
    session.execute(upsert, list(rows))


def _drop_others(
    database: Database,
    entity_type: EntityType,
    table: _Table,
    name: str,
    kept: set[tuple[str, str]],
    after: tuple[str, str] | None,
) -> tuple[str, str]:
    """Drop rows that weren't counted from the next few thousand on; returns the last one looked at, or blanks."""
    place = tuple_(getattr(table, name), table.value)
    query = select(getattr(table, name), table.value).where(table.entity_type == entity_type)
    if after is not None:
        query = query.where(place > after)
    with database.read_scope() as session:
        found = [
            (kind, value)
            for kind, value in session.execute(query.order_by(getattr(table, name), table.value).limit(_ROWS_AT_ONCE))
        ]
    gone = [one for one in found if one not in kept]
    if gone:
        with database.session_scope() as session:
            session.execute(
                delete(table)
                .where(table.entity_type == entity_type, place.in_(gone))
                .execution_options(synchronize_session=False)
            )
    return found[-1] if len(found) == _ROWS_AT_ONCE else ("", "")
