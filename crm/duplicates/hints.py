"""Telling while one types who is like the typed client already."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.contacts.match_input import own_identifiers
from crm.duplicates.pair_records import TABLES, RecordHead, load_heads, record_visible
from crm.duplicates.pair_values import Hint
from crm.matching.lookup import Candidate, Lookup, look_up
from crm.matching.normalise import Evidence, make_evidence
from crm.matching.values import RawRecord
from crm.models import EntityType

HINTS_SHOWN = 5
_ANYTHING = float("-inf")
_CLIENTS = (EntityType.CONTACT, EntityType.COMPANY)


# What makes a hidden record be told: nothing of its name, or guessing names would find it out.
_IDENTIFIERS = ("mobiles", "landlines", "mailboxes", "role_mailboxes", "inns")


@dataclass(frozen=True, slots=True)
class _Like:
    entity_type: EntityType
    candidate: Candidate
    matched: str | None


def hint(session: Session, actor: Actor, entity_type: EntityType, raw: RawRecord) -> tuple[Hint, ...]:
    """Return at most five people and companies like the typed one, visible ones first, the likeliest first.

    A typed phone, mailbox or taxpayer number that a record has is told always; names alone only of visible records.
    Which hidden ones there are, and in what order, does not depend on the typed name.
    """
    evidence = make_evidence(raw, own_identifiers(session))
    points = Evidence(record_id="", **{name: getattr(evidence, name) for name in _IDENTIFIERS})
    seen, hidden = [], []
    for kind in _CLIENTS:
        # Of another kind only who has the very phone, mailbox or number.
        likely = _like(session, kind, evidence if kind is entity_type else points)
        visible = _visible(session, actor, kind, likely)
        seen += [one for key, one in likely.items() if key in visible]
        if actor.visible_owner_ids is not None:
            known = likely if kind is not entity_type else _like(session, kind, points)
            unseen = known.keys() - _visible(session, actor, kind, known)
            hidden += [known[key] for key in sorted(unseen) if known[key].matched]
    seen.sort(key=lambda one: -one.candidate.match.weight)
    told = [*_told(session, seen[:HINTS_SHOWN]), *_told_without_names(session, hidden)]
    return tuple(told[:HINTS_SHOWN])


def _like(session: Session, looked_in: EntityType, evidence: Evidence) -> dict[int, _Like]:
    """Return by id who has an identifier of these, or is like enough."""
    if not any(getattr(evidence, name) for name in _IDENTIFIERS):
        found = look_up(session, looked_in, evidence)
    else:
        found = look_up(session, looked_in, evidence, least_weight=_ANYTHING)
    return {one.candidate.entity_id: one for one in _alike(found, looked_in, evidence)}


def _alike(found: Lookup, looked_in: EntityType, evidence: Evidence) -> Iterator[_Like]:
    for candidate in found.candidates:
        matched = _matched(evidence, candidate.evidence, with_inn=looked_in is EntityType.COMPANY)
        if matched or candidate.match.weight >= found.known.model.review_at:
            yield _Like(looked_in, candidate, matched)


def _visible(session: Session, actor: Actor, entity_type: EntityType, ids: Mapping[int, object]) -> set[int]:
    if not ids:
        return set()
    table = TABLES[entity_type]
    return set(session.scalars(select(table.id).where(table.id.in_(ids), record_visible(actor, entity_type))))


def _matched(evidence: Evidence, other: Evidence, *, with_inn: bool) -> str | None:
    """Return what both have; a company's taxpayer number is no sign of one person."""
    for name in _IDENTIFIERS if with_inn else _IDENTIFIERS[:-1]:
        theirs = getattr(other, name)
        for value in getattr(evidence, name):
            if value in theirs:
                return str(value)
    return None


def _told(session: Session, found: list[_Like]) -> Iterator[Hint]:
    heads = _heads(session, found)
    for one in found:
        head, match = heads[one.entity_type, one.candidate.entity_id], one.candidate.match
        yield Hint(
            entity_type=one.entity_type, record_id=head.id, name=head.name, owner_name=head.owner_name,
            probability=match.probability, matched=one.matched, lines=match.lines,
        )  # fmt: skip


def _told_without_names(session: Session, found: list[_Like]) -> Iterator[Hint]:
    """Yield hidden records by their owners alone, those that say the same once."""
    heads = _heads(session, found)
    told = dict.fromkeys(
        (one.entity_type, head.owner_name, one.matched)
        for one in found
        if (head := heads.get((one.entity_type, one.candidate.entity_id)))
    )
    for entity_type, owner_name, matched in told:
        yield Hint(
            entity_type=entity_type, record_id=None, name=None, owner_name=owner_name,
            probability=None, matched=matched, lines=(),
        )  # fmt: skip


def _heads(session: Session, found: list[_Like]) -> dict[tuple[EntityType, int], RecordHead]:
    heads: dict[tuple[EntityType, int], RecordHead] = {}
    for kind in {one.entity_type for one in found}:
        ids = [one.candidate.entity_id for one in found if one.entity_type is kind]
        heads |= {(kind, key): head for key, head in load_heads(session, kind, ids).items()}
    return heads
