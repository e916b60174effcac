"""Putting one record into another: one transaction, nothing deleted, all of it written down for the way back."""

from __future__ import annotations

from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.permissions import Action, require
from crm.duplicates.merge_values import Choices
from crm.models import EntityType


def merge_records(
    session: Session,
    actor: Actor,
    *,
    entity_type: EntityType,
    survivor_id: int,
    merged_id: int,
    survivor_version: int | None = None,
    merged_version: int | None = None,
    choices: Choices | None = None,
    pair_id: int | None = None,
    batch_id: int | None = None,
) -> int:
    """Put a record into another one and hide it; return the merge's id.

    A field without a choice gets the default of `plan_merge`.
    Errors: Forbidden; NotFound; ChangedMeanwhile; InvalidInput with every refusal of the plan and every wrong choice.
    """
    require(actor, Action.REVIEW_DUPLICATES)
    raise NotImplementedError
