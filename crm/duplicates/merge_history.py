"""The history of merges: what was put into what, by whom, and what was taken back."""

from __future__ import annotations

from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.permissions import Action, require
from crm.duplicates.merge_values import MergeInfo
from crm.models import EntityType


def list_merges(
    session: Session,
    actor: Actor,
    *,
    entity_type: EntityType | None = None,
    batch_id: int | None = None,
    before: int | None = None,
    limit: int = 50,
) -> tuple[MergeInfo, ...]:
    """Return merges into records that the actor sees, the newest first; `before` is the id of the last one seen.

    Errors: Forbidden.
    """
    require(actor, Action.REVIEW_DUPLICATES)
    raise NotImplementedError


def merges_of(session: Session, actor: Actor, entity_type: EntityType, record_id: int) -> tuple[MergeInfo, ...]:
    """Return the merges in force that made a visible record what it is, the newest first.

    Errors: NotFound.
    """
    raise NotImplementedError
