"""Moves made in a heap: the week's work told at once."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, ColumnElement, and_, case, func, select, tuple_, type_coerce
from sqlalchemy.orm import aliased

from crm.analytics.trust.values import Facts, Finding, Subject
from crm.models import Channel, StageVisit

MOVES, SECONDS = 5, 600


def _is_owners(_facts: Facts) -> ColumnElement[bool]:
    # An import knows days at best: its moments prove nothing.
    return and_(StageVisit.actor_id == StageVisit.owner_id, StageVisit.channel != Channel.IMPORT)


def _in_heap(facts: Facts) -> ColumnElement[bool]:
    """Say that the move is one of at least five within ten minutes by the same person.

    Moves of one and the same second are one act, of a stage retired or closed: they count once.
    """
    if facts.sample is None:
        raise LookupError("moves are looked at by a sample")
    visit = aliased(StageVisit)
    acts = (
        select(visit.actor_id.label("who"), type_coerce(visit.stay_entered_at, BigInteger).label("at"))
        .where(visit.id.in_(facts.sample), visit.actor_id == visit.owner_id, visit.channel != Channel.IMPORT)
        .distinct()
        .subquery()
    )
    within: dict[str, Any] = {"partition_by": acts.c.who, "order_by": acts.c.at}
    fifth = func.lead(acts.c.at, MOVES - 1).over(**within)
    begun = select(acts.c.who, acts.c.at, case((fifth - acts.c.at <= SECONDS, 1), else_=0).label("begins")).subquery()
    # In a heap is who begins one, and the four acts after.
    near = func.max(begun.c.begins).over(partition_by=begun.c.who, order_by=begun.c.at, rows=(1 - MOVES, 0))
    marked = select(begun.c.who, begun.c.at, near.label("is_in")).subquery()
    heaps = select(marked.c.who, marked.c.at).where(marked.c.is_in == 1)
    return tuple_(StageVisit.actor_id, type_coerce(StageVisit.stay_entered_at, BigInteger)).in_(heaps)


FINDING = Finding(code="burst", subject=Subject.MOVES, weight=5, looked_at=_is_owners, found=_in_heap)
