"""Whom a record is possibly the same as: the quiet note on cards of clients and deals."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.permissions import Action, may
from crm.duplicates.pair_records import load_heads, pair_visible
from crm.models import EntityType, MatchPair, PairState

TWINS_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Twin:
    """A record that is possibly the same; `pair_id` is None for an actor who does not review duplicates."""

    record_id: int
    name: str
    probability: float
    pair_id: int | None


def likely_twins(
    session: Session, actor: Actor, entity_type: EntityType, record_id: int, *, limit: int = TWINS_SHOWN
) -> tuple[Twin, ...]:
    """Return visible records that share an open pair with this visible one, the likeliest first."""
    query = (
        select(MatchPair.id, MatchPair.left_id, MatchPair.right_id, MatchPair.probability)
        .where(
            MatchPair.entity_type == entity_type,
            MatchPair.state == PairState.OPEN,
            or_(MatchPair.left_id == record_id, MatchPair.right_id == record_id),
            pair_visible(actor, (entity_type,)),
        )
        .order_by(MatchPair.probability.desc(), MatchPair.id)
        .limit(limit)
    )
    pairs = [(pair_id, right if left == record_id else left, chance)
             for pair_id, left, right, chance in session.execute(query)]  # fmt: skip
    heads = load_heads(session, entity_type, [other for _pair_id, other, _chance in pairs])
    reviews = may(actor, Action.REVIEW_DUPLICATES)
    return tuple(
        Twin(other, heads[other].name, chance, pair_id if reviews else None)
        for pair_id, other, chance in pairs
        if other in heads
    )
