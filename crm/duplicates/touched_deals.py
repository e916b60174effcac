"""Deals changed since pairs were valued: what a decision is worth, and which deals may be twins at all, follow them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TypeVar

from sqlalchemy import or_, select, tuple_, update
from sqlalchemy.orm import Session

from crm.db import Database
from crm.duplicates.deal_pairs import fitting
from crm.duplicates.pair_records import stakes_of
from crm.duplicates.pair_store import PAIRS_AT_ONCE, close_gone, rank_of
from crm.jobs import JobRun
from crm.models import Deal, DealContact, DealStatus, EntityType, MatchEvidence, MatchPair, PairState

DEALS_AT_ONCE = 250
Item = TypeVar("Item")
_WAITING = (PairState.OPEN, PairState.SNOOZED)


def has_touched_deals(session: Session, since: datetime, until: datetime) -> bool:
    """Tell whether a deal was changed in this time. Cheap."""
    query = select(Deal.id).where(Deal.updated_at >= since, Deal.updated_at < until).limit(1)
    return session.scalar(query) is not None


def follow_deals(database: Database, run: JobRun, since: datetime, until: datetime) -> int:
    """Value the waiting pairs of deals changed in this time and of their clients anew; return how many deals.

    Pairs of deals that may no longer be one purchase are closed; a deal that came to a stage since is matched again.
    """
    done, after = 0, (since, 0)
    while True:
        with database.session_scope() as session:
            rows = session.execute(
                select(Deal.id, Deal.updated_at)
                .where(tuple_(Deal.updated_at, Deal.id) > after, Deal.updated_at < until)
                .order_by(Deal.updated_at, Deal.id)
                .limit(DEALS_AT_ONCE)
            ).all()
            _follow(session, [row.id for row in rows])
            done += len(rows)
            run.mark(session, done)
        if len(rows) < DEALS_AT_ONCE:
            return done
        after = (rows[-1].updated_at, rows[-1].id)


def _follow(session: Session, deal_ids: Sequence[int]) -> None:
    if not deal_ids:
        return
    contacts = select(DealContact.contact_id).where(DealContact.deal_id.in_(deal_ids)).distinct()
    companies = select(Deal.company_id).where(Deal.id.in_(deal_ids), Deal.company_id.is_not(None)).distinct()
    for kind, ids in (
        (EntityType.CONTACT, session.scalars(contacts).all()),
        (EntityType.COMPANY, [key for key in session.scalars(companies) if key is not None]),
        (EntityType.DEAL, deal_ids),
    ):
        for part in _parts(sorted(ids), DEALS_AT_ONCE):
            _value_pairs(session, kind, part)
    session.execute(
        update(MatchEvidence)
        .where(
            MatchEvidence.entity_type == EntityType.DEAL,
            MatchEvidence.entity_id.in_(
                select(Deal.id).where(
                    Deal.id.in_(deal_ids),
                    Deal.status == DealStatus.OPEN,
                    Deal.stage_entered_at >= MatchEvidence.matched_at,
                )
            ),
        )
        .values(matched_at=None)
        .execution_options(synchronize_session=False)
    )


def _value_pairs(session: Session, kind: EntityType, ids: Sequence[int]) -> None:
    """Write the values of waiting pairs that are others now, in the order of ids, a few hundred at once."""
    query = (
        select(MatchPair.id, MatchPair.left_id, MatchPair.right_id, MatchPair.value_minor,
               MatchPair.probability, MatchPair.source)
        .where(MatchPair.entity_type == kind, MatchPair.state.in_(_WAITING),
               or_(MatchPair.left_id.in_(ids), MatchPair.right_id.in_(ids)))
        .order_by(MatchPair.id)
    )  # fmt: skip
    for pairs in _parts(session.execute(query).all(), PAIRS_AT_ONCE):
        fit = fitting(session, kind, [(pair.left_id, pair.right_id) for pair in pairs])
        close_gone(session, kind, [pair.id for pair in pairs if (pair.left_id, pair.right_id) not in fit])
        stakes = stakes_of(session, kind, {key for pair in pairs for key in (pair.left_id, pair.right_id)})
        for pair in pairs:
            value = stakes.get(pair.left_id, 0) + stakes.get(pair.right_id, 0)
            if value != pair.value_minor:
                rank = rank_of(pair.probability, value, pair.source)
                changed = update(MatchPair).where(MatchPair.id == pair.id, MatchPair.state.in_(_WAITING))
                session.execute(changed.values(value_minor=value, rank=rank))


def _parts(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    return (items[start : start + size] for start in range(0, len(items), size))
