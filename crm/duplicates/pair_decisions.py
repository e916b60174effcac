"""What people decide about a pair besides merging: not a duplicate, later, open again."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.permissions import Action, require


def dismiss_pair(session: Session, actor: Actor, *, pair_id: int, note: str | None = None) -> None:
    """Say for everyone that two records are not the same; no scan brings the pair back.

    Errors: Forbidden; NotFound; InvalidInput for too long a note; PairDecided where somebody has decided.
    """
    require(actor, Action.REVIEW_DUPLICATES)
    raise NotImplementedError


def snooze_pair(session: Session, actor: Actor, *, pair_id: int, until: datetime) -> None:
    """Take a pair out of the queue until a time.

    Errors: Forbidden; NotFound; InvalidInput for a past time; PairDecided.
    """
    require(actor, Action.REVIEW_DUPLICATES)
    raise NotImplementedError


def reopen_pair(session: Session, actor: Actor, *, pair_id: int) -> None:
    """Put a dismissed or snoozed pair back into the queue.

    Errors: Forbidden; NotFound; PairDecided where the two are merged.
    """
    require(actor, Action.REVIEW_DUPLICATES)
    raise NotImplementedError
