"""Taking a merge back, whenever: what is still in place returns, what people changed since stays and is told."""

from __future__ import annotations

from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.permissions import Action, require
from crm.duplicates.merge_values import UndoReport


def undo_merge(session: Session, actor: Actor, *, merge_id: int, cascade: bool = False) -> UndoReport:
    """Take a merge back; with `cascade` the later merges that depend on it first, the newest first.

    Errors: Forbidden; NotFound; InvalidInput: undone already, or later merges depend on it (`merge_has_dependents`).
    """
    require(actor, Action.REVIEW_DUPLICATES)
    raise NotImplementedError
