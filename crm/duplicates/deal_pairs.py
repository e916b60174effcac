"""Which two deals may be one purchase at all: the same pipeline, one of them open, neither made from the other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Row, select, union
from sqlalchemy.orm import Session

from crm.auth.visibility import deal_in_use
from crm.models import Deal, DealStatus, EntityType, LinkRun

Sides = tuple[int, int]


class _Stand(NamedTuple):
    pipeline_id: int
    is_open: bool


def fitting(session: Session, entity_type: EntityType, pairs: Iterable[Sides]) -> frozenset[Sides]:
    """Return those of at most 500 pairs that belong in the queue whatever they look like; of clients it is all.

    Two deals of different pipelines, two closed ones, and one that a link made from the other are no twins: the same
    client goes through several sales, and nobody has work with what is over.
    """
    asked = frozenset(pairs)
    if entity_type is not EntityType.DEAL or not asked:
        return asked
    stands = _stands(session, {key for sides in asked for key in sides})
    near = {sides for sides in asked if _meet(stands.get(sides[0]), stands.get(sides[1]))}
    chains = _chains(session, {key for sides in near for key in sides})
    return frozenset((left, right) for left, right in near if chains[left].isdisjoint(chains[right]))


def _meet(one: _Stand | None, other: _Stand | None) -> bool:
    if one is None or other is None:
        return False
    return one.pipeline_id == other.pipeline_id and (one.is_open or other.is_open)


def _stands(session: Session, ids: set[int]) -> dict[int, _Stand]:
    query = select(Deal.id, Deal.pipeline_id, Deal.status).where(Deal.id.in_(sorted(ids)), deal_in_use())
    return {key: _Stand(pipeline_id, status is DealStatus.OPEN) for key, pipeline_id, status in session.execute(query)}


def _chains(session: Session, ids: set[int]) -> dict[int, set[int]]:
    """Return each deal with all it came from: what a link made it from, and what a link noted on it."""
    chains = {key: {key} for key in ids}
    ends = {key: {key} for key in ids}
    while ends:
        before = _before(session, {end for found in ends.values() for end in found})
        ends = {
            key: more
            for key, found in ends.items()
            if (more := {one for end in found for one in before.get(end, ())} - chains[key])
        }
        for key, more in ends.items():
            chains[key] |= more
    return chains


def _before(session: Session, ids: set[int]) -> dict[int, set[int]]:
    asked = sorted(ids)
    made_from = select(Deal.id, Deal.origin_deal_id).where(Deal.id.in_(asked), Deal.origin_deal_id.is_not(None))
    noted_by = select(LinkRun.child_deal_id, LinkRun.deal_id).where(LinkRun.child_deal_id.in_(asked))
    found: dict[int, set[int]] = defaultdict(set)
    rows: Sequence[Row[*tuple[Any, ...]]] = session.execute(union(made_from, noted_by)).all()
    for key, origin_id in rows:
        found[key].add(origin_id)
    return found
