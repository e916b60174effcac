"""Telling while one types who is like the typed client already."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.contacts.match_input import own_identifiers
from crm.duplicates.pair_records import TABLES, RecordHead, load_heads, record_visible
from crm.duplicates.pair_values import Hint
from crm.matching.lookup import Candidate, look_up
from crm.matching.normalise import Evidence, make_evidence
from crm.matching.values import RawRecord
from crm.models import EntityType

HINTS_SHOWN = 5
_LOOKED_AT = 25
_ANYTHING = float("-inf")
_CLIENTS = (EntityType.CONTACT, EntityType.COMPANY)


@dataclass(frozen=True, slots=True)
class _Like:
    entity_type: EntityType
    candidate: Candidate
    matched: str | None


def hint(session: Session, actor: Actor, entity_type: EntityType, raw: RawRecord) -> tuple[Hint, ...]:
    """Return at most five people and companies like the typed one, visible ones first, the likeliest first.

    A typed phone, mailbox or taxpayer number that a record has is told always; names alone only of visible records.
    """
    own = own_identifiers(session)
    evidence = make_evidence(raw, own)
    found = list(_like(session, entity_type, evidence))
    for other in _CLIENTS:
        if other is not entity_type:
            # Of another kind only who has the very phone, mailbox or number.
            points = make_evidence(replace(raw, name="", company="", comment="", position=""), own)
            found += [one for one in _like(session, other, points) if one.matched]
    hints = [told for one in _by_kind(session, actor, found) if (told := _told(*one)) is not None]
    hints.sort(key=lambda one: (one.record_id is None, -one.probability))
    return tuple(_each_once(hints))[:HINTS_SHOWN]


def _each_once(hints: Iterable[Hint]) -> Iterator[Hint]:
    """Leave out hidden ones that say the same as another."""
    told: set[tuple[EntityType, str, str | None]] = set()
    for one in hints:
        same = (one.entity_type, one.owner_name, one.matched)
        if one.record_id is not None or same not in told:
            yield one
        if one.record_id is None:
            told.add(same)


def _like(session: Session, looked_in: EntityType, evidence: Evidence) -> Iterator[_Like]:
    found = look_up(session, looked_in, evidence, least_weight=_ANYTHING, limit=_LOOKED_AT)
    for candidate in found.candidates:
        matched = _matched(evidence, candidate.evidence, with_inn=looked_in is EntityType.COMPANY)
        if matched or candidate.match.weight >= found.known.model.review_at:
            yield _Like(looked_in, candidate, matched)


def _matched(evidence: Evidence, other: Evidence, *, with_inn: bool) -> str | None:
    """Return what both have; a company's taxpayer number is no sign of one person."""
    names = ("mobiles", "landlines", "mailboxes", "role_mailboxes", *(("inns",) if with_inn else ()))
    for name in names:
        theirs = getattr(other, name)
        for value in getattr(evidence, name):
            if value in theirs:
                return str(value)
    return None


def _by_kind(session: Session, actor: Actor, found: list[_Like]) -> Iterator[tuple[_Like, RecordHead, bool]]:
    for entity_type in _CLIENTS:
        of_kind = {one.candidate.entity_id: one for one in found if one.entity_type is entity_type}
        if not of_kind:
            continue
        heads = load_heads(session, entity_type, of_kind)
        table = TABLES[entity_type]
        seen = set(session.scalars(select(table.id).where(table.id.in_(of_kind), record_visible(actor, entity_type))))
        for key, one in of_kind.items():
            if key in heads:
                yield one, heads[key], key in seen


def _told(one: _Like, head: RecordHead, is_visible: bool) -> Hint | None:
    match = one.candidate.match
    if is_visible:
        return Hint(
            entity_type=one.entity_type, record_id=head.id, name=head.name, owner_name=head.owner_name,
            probability=match.probability, matched=one.matched, lines=match.lines,
        )  # fmt: skip
    if one.matched is None:
        return None
    return Hint(
        entity_type=one.entity_type, record_id=None, name=None, owner_name=head.owner_name,
        probability=match.probability, matched=one.matched, lines=(),
    )  # fmt: skip
