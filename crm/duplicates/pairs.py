"""The queue of pairs that may be the same: pages of it and counts, as far as the actor sees both records."""

from __future__ import annotations

from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.permissions import Action, require
from crm.duplicates.pair_values import PairCount, Place, QueueFilter, QueuePage

PAGE_ROWS = 50
COUNTED_AT_MOST = 1000


def load_queue(
    session: Session, actor: Actor, wanted: QueueFilter, *, after: Place | None = None, limit: int = PAGE_ROWS
) -> QueuePage:
    """Return a page of pairs, bridges first, then by probability times the value of open deals.

    Errors: Forbidden.
    """
    require(actor, Action.REVIEW_DUPLICATES)
    raise NotImplementedError


def open_pair_counts(session: Session, actor: Actor) -> tuple[PairCount, ...]:
    """Count open pairs of each kind, up to a limit.

    Errors: Forbidden.
    """
    require(actor, Action.REVIEW_DUPLICATES)
    raise NotImplementedError


def open_pair_count(session: Session, actor: Actor) -> int:
    """Count open pairs for the sidebar, up to a limit; 0 for who may not review them."""
    raise NotImplementedError
