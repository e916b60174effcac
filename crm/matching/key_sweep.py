"""Deleting keys that no record's evidence makes any more: an older norm, or older keys, left them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from crm.db import Database
from crm.matching.fetching import perform
from crm.matching.keys import keys_of
from crm.matching.store import DROP_KEY, evidence_of
from crm.models import EntityType, MatchEvidence, MatchKey

_RECORDS_AT_ONCE = 20_000  # each step reads through the whole index of keys: few large ones
_DROPPED_AT_ONCE = 200  # records
_ROWS_AT_ONCE = 10_000


def sweep_keys(database: Database, entity_type: EntityType, tell: Callable[[], None] = lambda: None) -> int:
    """Delete orphaned keys of a kind of record; return how many. Slow, for the background.

    `tell` is called between the steps and may stop the work by an exception.
    """
    with database.read_scope() as session:
        last = session.scalar(select(func.max(MatchKey.entity_id)).where(MatchKey.entity_type == entity_type)) or 0
    dropped = 0
    for start in range(0, last + 1, _RECORDS_AT_ONCE):
        with database.read_scope() as session:
            inside = MatchKey.entity_id.between(start, start + _RECORDS_AT_ONCE - 1)
            evidence = MatchEvidence.entity_id.between(start, start + _RECORDS_AT_ONCE - 1)
            orphans = _kept(session, entity_type, inside) - _made(session, entity_type, evidence, locks=False)
        doubtful = sorted({entity_id for _, entity_id in orphans})
        for at in range(0, len(doubtful), _DROPPED_AT_ONCE):
            with database.session_scope() as session:
                dropped += _drop(session, entity_type, orphans, doubtful[at : at + _DROPPED_AT_ONCE])
        tell()
    return dropped


def keys_differ(session: Session, entity_type: EntityType, entity_ids: Sequence[int]) -> set[int]:
    """Return those of a few thousand records whose keys are others than their evidence makes. Slow."""
    kept = _kept(session, entity_type, MatchKey.entity_id.in_(entity_ids))
    made = _made(session, entity_type, MatchEvidence.entity_id.in_(entity_ids), locks=False)
    return {entity_id for _, entity_id in kept ^ made}


def _drop(session: Session, entity_type: EntityType, orphans: set[tuple[int, int]], entity_ids: Sequence[int]) -> int:
    """Delete what is an orphan still, now that nobody else can save these records."""
    made = _made(session, entity_type, MatchEvidence.entity_id.in_(entity_ids), locks=True)
    asked = set(entity_ids)
    rows = sorted((entity_type.value, key, entity_id) for key, entity_id in orphans - made if entity_id in asked)
    perform(session.connection(), DROP_KEY, rows)
    return len(rows)


def _kept(session: Session, entity_type: EntityType, inside: ColumnElement[bool]) -> set[tuple[int, int]]:
    query = select(MatchKey.key, MatchKey.entity_id).where(MatchKey.entity_type == entity_type, inside)
    return {(row.key, row.entity_id) for row in session.execute(query.execution_options(yield_per=_ROWS_AT_ONCE))}


def _made(
    session: Session, entity_type: EntityType, inside: ColumnElement[bool], *, locks: bool
) -> set[tuple[int, int]]:
    query = select(MatchEvidence.entity_id, MatchEvidence.evidence).where(
        MatchEvidence.entity_type == entity_type, inside
    )
    if locks:
        query = query.order_by(MatchEvidence.entity_id).with_for_update()
    rows = session.execute(query.execution_options(yield_per=_ROWS_AT_ONCE))
    return {(key, row.entity_id) for row in rows for key in keys_of(evidence_of(row.evidence), entity_type)}
