"""What an undo would do, before it is done."""

from __future__ import annotations

from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.permissions import Action, require
from crm.duplicates.merge_values import UndoPlan


def plan_undo(session: Session, actor: Actor, *, merge_id: int) -> UndoPlan:
    """Return what would come back, what conflicts, and which later merges depend on this one.

    Errors: Forbidden; NotFound.
    """
    require(actor, Action.REVIEW_DUPLICATES)
    raise NotImplementedError
