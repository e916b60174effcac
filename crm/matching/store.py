"""Evidence and match keys as rows, refreshed at every save; a record's keys are told from its evidence, not indexed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import delete, insert, text, update
from sqlalchemy.orm import Session

from crm.clock import utc_now
from crm.matching.fetching import fetch, locking, padded, perform
from crm.matching.keys import keys_of
from crm.matching.normalise import make_evidence
from crm.matching.normalise.evidence import NORM_VERSION, Evidence, evidence_from_json
from crm.matching.values import OwnIdentifiers, RawRecord
from crm.models import EntityType, MatchEvidence, WrongField

ROWS_AT_ONCE = 500
STALE = 0  # the norm version of evidence that something it was made of has outdated
_CHANGED = "changed_evidence"
# Where an identifier is out of place for certain; in a comment it may well stand, and a person has no INN here.
_WRONG: dict[EntityType, Mapping[str, str]] = {
    EntityType.CONTACT: {"name": "name", "position": "position"},
    EntityType.COMPANY: {"company": "name"},
    EntityType.DEAL: {"title": "title"},
}
_INN = "inn"
_FEW = 20
_STORED = (
    "SELECT entity_id, evidence, norm_version FROM match_evidence"
    " WHERE entity_type = ? AND entity_id IN ({}) ORDER BY entity_id"
)
_READ = "SELECT entity_id, evidence, updated_at FROM match_evidence WHERE entity_type = ? AND entity_id IN ({})"
_MATCHED = "UPDATE match_evidence SET matched_at = ? WHERE entity_type = ? AND entity_id = ? AND updated_at = ?"
_KEEP = (
    "INSERT INTO match_evidence (entity_type, entity_id, evidence, norm_version, updated_at) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT (entity_type, entity_id) DO UPDATE SET evidence = excluded.evidence,"
    " norm_version = excluded.norm_version, updated_at = excluded.updated_at, matched_at = CASE WHEN"
    # Stale and doubted for nothing: what it was matched with holds.
    " match_evidence.norm_version = 0 AND match_evidence.evidence = excluded.evidence"
    " THEN match_evidence.matched_at END"
)
_ADD_KEY = "INSERT INTO match_keys (entity_type, key, entity_id) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
DROP_KEY = "DELETE FROM match_keys WHERE entity_type = ? AND key = ? AND entity_id = ?"
_PLAIN = frozenset(field.name for field in fields(Evidence)) - {"stopped", "misplaced"}  # no lists inside lists

Read = Callable[[Session, Sequence[int]], Mapping[int, RawRecord]]
ReadOwn = Callable[[Session], OwnIdentifiers]


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a refresh found: records whose evidence is another now, those new to it, those that are gone."""

    changed: frozenset[int] = frozenset()
    added: frozenset[int] = frozenset()
    gone: frozenset[int] = frozenset()


class _Stored(NamedTuple):
    entity_id: int
    evidence: str
    norm_version: int


@dataclass(frozen=True, slots=True)
class _Change:
    entity_id: int
    text: str
    old: Evidence | None
    new: Evidence


def refresh_evidence(
    session: Session, entity_type: EntityType, ids: Iterable[int], read: Read, read_own: ReadOwn
) -> Refreshed:
    """Read at most 500 records with `read` and keep their evidence and keys; what `read` leaves out is forgotten.

    Rows of evidence are locked before the records and what is our own are read, so that of two saves at once the
    later sees both.
    """
    asked = sorted(set(ids))
    stored = {row.entity_id: row for row in _stored(session, entity_type, asked)}
    raws, own = read(session, asked), read_own(session)
    gone = [row for key, row in stored.items() if key not in raws]
    changes = [change for key in asked if key in raws if (change := _change(stored.get(key), key, raws[key], own))]
    if gone:
        _forget(session, entity_type, gone)
    if changes:
        _keep(session, entity_type, changes)
    changed = frozenset(change.entity_id for change in changes)
    session.info.setdefault(_CHANGED, {}).setdefault(entity_type, set()).update(changed)
    return Refreshed(changed, changed - stored.keys(), frozenset(row.entity_id for row in gone))


def forget_evidence(session: Session, entity_type: EntityType, ids: Iterable[int]) -> None:
    """Drop the evidence, keys and findings of at most 500 records."""
    _forget(session, entity_type, list(_stored(session, entity_type, sorted(set(ids)))))


def changed_records(session: Session) -> dict[EntityType, frozenset[int]]:
    """Return whose evidence this session has changed, what a savepoint took back included."""
    return {kind: frozenset(ids) for kind, ids in session.info.get(_CHANGED, {}).items() if ids}


def mark_stale(session: Session, entity_type: EntityType, ids: Iterable[int]) -> None:
    """Leave it to the background to make evidence anew."""
    marked = update(MatchEvidence).where(
        MatchEvidence.entity_type == entity_type, MatchEvidence.entity_id.in_(sorted(set(ids)))
    )
    session.execute(marked.values(norm_version=STALE).execution_options(synchronize_session=False))


def mark_all_stale(session: Session) -> None:
    """Leave it to the background to make all evidence anew, in one statement; saves wait for this transaction."""
    if session.get_bind().dialect.name == "postgresql":
        # Not row by row, which a save may hold in another order; and new rows must not slip through.
        session.execute(text("LOCK TABLE match_evidence IN EXCLUSIVE MODE"))
    marked = update(MatchEvidence).where(MatchEvidence.norm_version != STALE)
    session.execute(marked.values(norm_version=STALE).execution_options(synchronize_session=False))


def read_evidence(session: Session, entity_type: EntityType, ids: Iterable[int]) -> dict[int, tuple[Evidence, int]]:
    """Return the evidence of at most 500 records by id, and the second in which it was made."""
    asked = sorted(set(ids))
    if not asked:
        return {}
    asked = padded(asked, 1 if len(asked) < _FEW else _FEW)
    sql = _READ.format(", ".join(["?"] * len(asked)))
    rows = fetch(session.connection(), sql, [entity_type.value, *asked])
    return {key: (evidence_of(text), second) for key, text, second in rows}


def mark_matched(session: Session, entity_type: EntityType, made: Mapping[int, int], now: datetime) -> None:
    """Note that records were matched; one saved again since it was read (`made`: its second) stays unmatched."""
    at = int(now.timestamp())
    rows = [(at, entity_type.value, key, second) for key, second in sorted(made.items())]
    perform(session.connection(), _MATCHED, rows)


def evidence_of(text: str) -> Evidence:
    """Return the evidence of a row."""
    stored = json.loads(text)
    if not stored.keys() <= _PLAIN:
        return evidence_from_json(stored)
    # Intake reads dozens of these in a millisecond: no interning, no recursion.
    values: dict[str, Any] = {name: tuple(one) if type(one) is list else one for name, one in stored.items()}
    return Evidence(**values)


def text_of(evidence: Evidence) -> str:
    """Return evidence as it is stored: the same evidence is always the same text."""
    return json.dumps(evidence.to_json(), ensure_ascii=False, separators=(",", ":"))


def _stored(session: Session, entity_type: EntityType, ids: Sequence[int]) -> list[_Stored]:
    if not ids:
        return []
    connection = session.connection()
    asked = padded(ids, 1 if len(ids) < _FEW else _FEW)
    sql = _STORED.format(", ".join(["?"] * len(asked))) + locking(connection)
    return [_Stored(*row) for row in fetch(connection, sql, [entity_type.value, *asked])]


def _change(stored: _Stored | None, key: int, raw: RawRecord, own: OwnIdentifiers) -> _Change | None:
    new = make_evidence(raw, own)
    text = text_of(new)
    if stored is None:
        return _Change(key, text, None, new)
    if stored.evidence == text and stored.norm_version == NORM_VERSION:
        return None
    return _Change(key, text, evidence_of(stored.evidence), new)


def _keep(session: Session, entity_type: EntityType, changes: Sequence[_Change]) -> None:
    now = utc_now()
    kind, at = entity_type.value, int(now.timestamp())
    connection = session.connection()
    perform(connection, _KEEP, [(kind, change.entity_id, change.text, NORM_VERSION, at) for change in changes])
    dropped, added = [], []
    for change in changes:
        before = frozenset(keys_of(change.old, entity_type)) if change.old else frozenset()
        after = frozenset(keys_of(change.new, entity_type))
        dropped += [(kind, key, change.entity_id) for key in before - after]
        added += [(kind, key, change.entity_id) for key in after - before]
    perform(connection, DROP_KEY, sorted(dropped))
    # Keys of older norms may still lie here: they only bring a candidate more.
    perform(connection, _ADD_KEY, sorted(added))
    _keep_wrong_fields(session, entity_type, changes, now)


def _forget(session: Session, entity_type: EntityType, rows: Sequence[_Stored]) -> None:
    if not rows:
        return
    ids = [row.entity_id for row in rows]
    kind = entity_type.value
    keys = [(kind, key, row.entity_id) for row in rows for key in keys_of(evidence_of(row.evidence), entity_type)]
    perform(session.connection(), DROP_KEY, sorted(keys))
    for table in (WrongField, MatchEvidence):
        session.execute(
            delete(table)
            .where(table.entity_type == entity_type, table.entity_id.in_(ids))
            .execution_options(synchronize_session=False)
        )


def _keep_wrong_fields(session: Session, entity_type: EntityType, changes: Sequence[_Change], now: datetime) -> None:
    dropped, added = [], []
    for change in changes:
        before = _wrong(entity_type, change.old) if change.old else set()
        after = _wrong(entity_type, change.new)
        dropped += [(change.entity_id, *one) for one in before - after]
        added += [(change.entity_id, *one) for one in after - before]
    for entity_id, field, kind, value in dropped:
        session.execute(
            delete(WrongField)
            .where(
                WrongField.entity_type == entity_type,
                WrongField.entity_id == entity_id,
                WrongField.field == field,
                WrongField.kind == kind,
                WrongField.value == value,
            )
            .execution_options(synchronize_session=False)
        )
    if added:
        names = ("entity_id", "field", "kind", "value")
        rows = [
            {"entity_type": entity_type, "found_at": now, **dict(zip(names, one, strict=True))} for one in sorted(added)
        ]
        session.execute(insert(WrongField), rows)


def _wrong(entity_type: EntityType, evidence: Evidence) -> set[tuple[str, str, str]]:
    fields = _WRONG[entity_type]
    return {
        (fields[one.field], one.kind, one.value)
        for one in evidence.misplaced
        if one.field in fields and (one.kind != _INN or entity_type is EntityType.COMPANY)
    }
