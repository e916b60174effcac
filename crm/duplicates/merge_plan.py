"""What a merge would do, before it is done."""

from __future__ import annotations

from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.permissions import Action, require
from crm.duplicates.merge_values import MergePlan
from crm.models import EntityType


def plan_merge(
    session: Session, actor: Actor, *, entity_type: EntityType, survivor_id: int, merged_id: int
) -> MergePlan:
    """Return fields that differ with a default each, counts of what would move, warnings and refusals.

    Errors: Forbidden; NotFound where one of the two is not visible.
    """
    require(actor, Action.REVIEW_DUPLICATES)
    raise NotImplementedError


def better_survivor(session: Session, actor: Actor, entity_type: EntityType, ids: tuple[int, int]) -> int:
    """Return which of two should remain: the one with more open deals, then the fuller, then the older.

    Errors: Forbidden; NotFound.
    """
    require(actor, Action.REVIEW_DUPLICATES)
    raise NotImplementedError
