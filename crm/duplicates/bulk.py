"""Many merges at once: a dry run, a start, a stop, and taking a whole batch back."""

from __future__ import annotations

from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.permissions import Action, require
from crm.duplicates.merge_values import BatchInfo, BulkPlan
from crm.models import EntityType

PAIRS_AT_MOST = 50_000


def plan_bulk(
    session: Session,
    actor: Actor,
    *,
    entity_type: EntityType,
    least_weight: float | None = None,
    limit: int = PAIRS_AT_MOST,
) -> BulkPlan:
    """Return what a bulk merge would do; without a weight, from the automatic threshold of the model in use.

    Errors: Forbidden.
    """
    require(actor, Action.MERGE_IN_BULK)
    raise NotImplementedError


def start_bulk(
    session: Session,
    actor: Actor,
    *,
    entity_type: EntityType,
    least_weight: float | None = None,
    limit: int = PAIRS_AT_MOST,
    note: str | None = None,
) -> int:
    """Ask for a bulk merge in the background; return the batch's id.

    Errors: Forbidden; InvalidInput: nothing to merge, a limit out of range, or a batch of this kind at work.
    """
    require(actor, Action.MERGE_IN_BULK)
    raise NotImplementedError


def stop_bulk(session: Session, actor: Actor, *, batch_id: int) -> None:
    """Ask a batch at work to stop; what it has merged stays merged.

    Errors: Forbidden; NotFound; InvalidInput where it is not at work.
    """
    require(actor, Action.MERGE_IN_BULK)
    raise NotImplementedError


def undo_bulk(session: Session, actor: Actor, *, batch_id: int) -> int:
    """Ask for all merges of a batch to be taken back, the newest first; return the job's id.

    Errors: Forbidden; NotFound; InvalidInput where it is at work or taken back already.
    """
    require(actor, Action.MERGE_IN_BULK)
    raise NotImplementedError


def list_batches(session: Session, actor: Actor, *, limit: int = 20) -> tuple[BatchInfo, ...]:
    """Return bulk merges, the newest first.

    Errors: Forbidden.
    """
    require(actor, Action.MERGE_IN_BULK)
    raise NotImplementedError
