"""Merging several records that all mean the same into one, in one act, and taking that act back."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.permissions import Action, require
from crm.duplicates.merge_history import take_merge
from crm.duplicates.merging import merge_records
from crm.duplicates.pair_records import said_different
from crm.duplicates.taking import hold, hold_pairs
from crm.duplicates.undo import hold_merges, undo_merge
from crm.errors import Violation, refuse_if_any
from crm.models import EntityType


def merge_several(
    session: Session, actor: Actor, *, entity_type: EntityType, survivor_id: int, merged_ids: Sequence[int]
) -> tuple[int, ...]:
    """Put records into one of them, each with the defaults of its fields; return the merges' ids in their order.

    All of them or none. Errors: those of `merge_records`; InvalidInput where people said that two of them differ.
    """
    require(actor, Action.REVIEW_DUPLICATES)
    ids = {survivor_id, *merged_ids}
    hold(session, {entity_type: ids})
    hold_pairs(session, entity_type, ids)
    apart = said_different(session, entity_type, ids)
    refuse_if_any([Violation("merge_said_different")] if apart else [])
    return tuple(
        merge_records(session, actor, entity_type=entity_type, survivor_id=survivor_id, merged_id=one, is_held=True)
        for one in dict.fromkeys(merged_ids)
    )


def part_several(session: Session, actor: Actor, *, merge_ids: Sequence[int]) -> None:
    """Take merges of one act back, the newest first; all of them or none. Errors: those of `undo_merge`."""
    require(actor, Action.REVIEW_DUPLICATES)
    newest_first = sorted(merge_ids, reverse=True)
    hold_merges(session, [take_merge(session, actor, one) for one in newest_first])
    for one in newest_first:
        undo_merge(session, actor, merge_id=one, is_held=True)
