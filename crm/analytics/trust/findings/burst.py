"""Moves made in a heap: the week's work told at once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, and_, func, or_, select, tuple_, type_coerce
from sqlalchemy.orm import aliased

from crm.analytics.population import between
from crm.analytics.trust.moves import NOT_BY_HAND, is_move_here
from crm.analytics.trust.values import Facts, Finding, Subject
from crm.models import Deal, StageVisit

MOVES, SECONDS = 5, 600


def _is_owners(_facts: Facts) -> ColumnElement[bool]:
    return and_(is_move_here(), StageVisit.actor_id == StageVisit.owner_id)


def _in_heap(facts: Facts) -> ColumnElement[bool]:
    """Say that the move is one of at least five within ten minutes by the same person.

    Moves of one and the same second are one act, of a stage retired or closed: they count once.
    """
    visit, deal = aliased(StageVisit), aliased(Deal)
    wide = timedelta(seconds=SECONDS)
    acts = (
        select(visit.actor_id.label("who"), type_coerce(visit.stay_entered_at, BigInteger).label("at"))
        .join(deal, deal.id == visit.deal_id)
        .where(
            between(visit.stay_entered_at, facts.start_at - wide, facts.end_at + wide),
            visit.entered_at == visit.stay_entered_at, visit.entered_at > deal.created_at,
            visit.channel.not_in(NOT_BY_HAND), visit.actor_id == visit.owner_id,
        )
        .distinct()
        .subquery()
    )  # fmt: skip
    order: dict[str, Any] = {"partition_by": acts.c.who, "order_by": acts.c.at}
    spans = [_span(acts, before, order).label(f"span{before}") for before in range(MOVES)]
    measured = select(acts.c.who, acts.c.at, *spans).subquery()
    heaps = select(measured.c.who, measured.c.at).where(
        or_(*(measured.c[f"span{number}"] <= SECONDS for number in range(MOVES)))
    )
    return tuple_(StageVisit.actor_id, type_coerce(StageVisit.stay_entered_at, BigInteger)).in_(heaps)


def _span(acts: Any, before: int, order: dict[str, Any]) -> Any:
    """Return the seconds that five acts took, so many of them before this one."""
    after = MOVES - 1 - before
    first = func.lag(acts.c.at, before).over(**order) if before else acts.c.at
    last = func.lead(acts.c.at, after).over(**order) if after else acts.c.at
    return last - first


FINDING = Finding(code="burst", subject=Subject.STAYS, weight=5, looked_at=_is_owners, found=_in_heap)
