"""A pair side by side: both records with their fields, points and deals, and the pairs around it."""

from __future__ import annotations

from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.permissions import Action, require
from crm.duplicates.pair_values import PairCard


def load_pair(session: Session, actor: Actor, pair_id: int) -> PairCard:
    """Return a pair as a reviewer sees it.

    Errors: Forbidden; NotFound also where one of the two is not visible.
    """
    require(actor, Action.REVIEW_DUPLICATES)
    raise NotImplementedError
