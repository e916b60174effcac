"""Taking a merge back, whenever: what is still in place returns, what people changed since stays and is told."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.actors import system_actor
from crm.auth.permissions import Action, require
from crm.clock import utc_now
from crm.contacts.search_index import index_records
from crm.duplicates.deal_merges import stage_is_left, stand_again
from crm.duplicates.dependents import dependents_of
from crm.duplicates.journal import from_json
from crm.duplicates.merge_history import in_view, take_merge
from crm.duplicates.merge_values import UndoConflict, UndoReport
from crm.duplicates.merging import index_moved, record_name
from crm.duplicates.moving import told
from crm.duplicates.pair_states import reopen_pairs_of
from crm.duplicates.row_values import Record
from crm.duplicates.taking import hold, lock_records
from crm.duplicates.undo_words import readable
from crm.duplicates.undoing import Backwards, go_back, newer_rows
from crm.errors import InvalidInput, NotFound, Violation, refuse_if_any
from crm.events import record
from crm.models import Deal, DealStatus, EntityType, Merge


def undo_merge(
    session: Session, actor: Actor, *, merge_id: int, cascade: bool = False, is_held: bool = False
) -> UndoReport:
    """Take a merge back; with `cascade` the later merges that depend on it first, the newest first.

    Who takes several back in one transaction has locked all of them by `hold_merges` and says so.
    Errors: Forbidden; NotFound; InvalidInput: undone already, or later merges depend on it (`merge_has_dependents`).
    """
    require(actor, Action.REVIEW_DUPLICATES)
    merge = take_merge(session, actor, merge_id)
    later = _later(session, actor, merge, cascade=cascade)
    if not is_held:
        hold_merges(session, [*later, merge])
        # While the locks were waited for, more may have been merged on top.
        known = {one.id for one in later}
        session.refresh(merge)
        later = _later(session, actor, merge, cascade=cascade)
        if not known.issuperset(one.id for one in later):
            raise InvalidInput([Violation("merge_has_dependents", "cascade", {"count": len(later)})])
    returned: Counter[str] = Counter()
    stayed: Counter[str] = Counter()
    conflicts: list[UndoConflict] = []
    undone = [*later, merge]
    for one in undone:
        stayed += newer_rows(session, one)
        found = _undo(session, actor, one)
        returned += found.returned
        conflicts += found.conflicts
    return UndoReport(tuple(one.id for one in undone), told(returned), tuple(conflicts), told(stayed))


def hold_merges(session: Session, merges: Iterable[Merge]) -> None:
    """Lock all records of merges that one transaction takes back, before any of them is."""
    ids: dict[EntityType, set[int]] = {}
    for one in merges:
        ids.setdefault(one.entity_type, set()).update((one.survivor_id, one.merged_id))
    hold(session, ids)


def out_of_sight(session: Session, actor: Actor, merges: Iterable[Merge]) -> list[Merge]:
    """Return the merges into records that the actor doesn't see."""
    return [one for one in merges if not in_view(session, actor, one.entity_type, one.survivor_id)]


def hidden_violations(hidden: Sequence[Merge]) -> tuple[Violation, ...]:
    """Return what refuses an undo on which merges out of sight rest: how many there are, and no more."""
    return (Violation("merge_dependents_hidden", "cascade", {"count": len(hidden)}),) if hidden else ()


def _later(session: Session, actor: Actor, merge: Merge, *, cascade: bool) -> list[Merge]:
    """Return the merges that go first, the newest first. Errors: InvalidInput."""
    if merge.undone_at is not None:
        raise InvalidInput([Violation("merge_undone")])
    later = dependents_of(session, merge)
    refuse_if_any(hidden_violations(out_of_sight(session, actor, later)))
    if later and not cascade:
        raise InvalidInput([Violation("merge_has_dependents", "cascade", {"count": len(later)})])
    return later


def _undo(session: Session, actor: Actor, merge: Merge) -> Backwards:
    ids = (merge.survivor_id, merge.merged_id)
    rows = lock_records(session, merge.entity_type, ids)
    session.refresh(merge, with_for_update=True)
    if merge.undone_at is not None:  # somebody was faster while the rows were waited for
        raise InvalidInput([Violation("merge_undone")])
    if len(rows) < len(ids):
        raise NotFound(entity=merge.entity_type, id=merge.merged_id)
    now = utc_now()
    merged = rows[merge.merged_id]
    status = DealStatus(merge.before["merged"].get("status", DealStatus.OPEN))
    ends_elsewhere = isinstance(merged, Deal) and stage_is_left(session, merged, status)
    merge.undone_at, merge.undone_by = now, actor.user_id  # first: what points to the merged record finds it living
    session.flush()
    found = go_back(session, merge, stays_ended=ends_elsewhere)
    session.expire_all()
    rows = lock_records(session, merge.entity_type, ids)
    survivor, merged = rows[merge.survivor_id], rows[merge.merged_id]
    merged.merged_into_id = None
    for row in (survivor, merged):
        row.version += 1
    session.flush()
    if isinstance(merged, Deal) and isinstance(survivor, Deal):
        before = merged.stage_id
        stand_again(session, actor, survivor, merged, status, now)
        if ends_elsewhere:
            stages = (str(before), str(before), str(merged.stage_id))
            found.conflicts.append(UndoConflict("changed", "deals", merged.id, "stage_id", *stages))
    reopen_pairs_of(session, merge)
    merge.conflicts = [dataclasses.asdict(one) for one in readable(session, system_actor(), found.conflicts)]
    found.conflicts = readable(session, actor, found.conflicts)
    session.flush()
    _tell(session, actor, merge, survivor, merged)
    session.expire_all()
    index_records(session, merge.entity_type.value, ids)
    index_moved(session, merge.entity_type, ids, from_json(merge.moved))
    return found


def _tell(session: Session, actor: Actor, merge: Merge, survivor: Record, merged: Record) -> None:
    kind = merge.entity_type.value
    details: dict[str, Any] = {"merge_id": merge.id, "conflicts": len(merge.conflicts or ())}
    for verb, row, other in (("unmerged", survivor, merged), ("unmerged_from", merged, survivor)):
        record(
            session, actor, f"{kind}.{verb}", kind, row.id, at=merge.undone_at, other_id=other.id,
            other=record_name(other), **details,
        )  # fmt: skip
