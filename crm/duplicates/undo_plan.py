"""What an undo would do, before it is done."""

from __future__ import annotations

from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.permissions import Action, require
from crm.duplicates.dependents import dependents_of
from crm.duplicates.merge_history import infos, take_merge
from crm.duplicates.merge_values import UndoPlan
from crm.duplicates.moving import told
from crm.duplicates.undo import hidden_violations, out_of_sight
from crm.duplicates.undo_words import field_of, readable
from crm.duplicates.undoing import Backwards, look_back, newer_rows
from crm.errors import Violation


def plan_undo(session: Session, actor: Actor, *, merge_id: int) -> UndoPlan:
    """Return what would come back, what conflicts, and which later merges depend on this one; a refusal counts others.

    Errors: Forbidden; NotFound.
    """
    require(actor, Action.REVIEW_DUPLICATES)
    merge = take_merge(session, actor, merge_id)
    is_undone = merge.undone_at is not None
    found = Backwards() if is_undone else look_back(session, merge)
    (info,) = infos(session, [merge])
    later = [] if is_undone else dependents_of(session, merge)
    hidden = out_of_sight(session, actor, later)
    return UndoPlan(
        merge=info,
        returns=told(found.returned),
        fields=tuple(dict.fromkeys(map(field_of, found.fields))),
        conflicts=tuple(readable(session, actor, found.conflicts)),
        stays=() if is_undone else told(newer_rows(session, merge)),
        dependents=tuple(infos(session, [one for one in later if one not in hidden])),
        refusals=(Violation("merge_undone"),) if is_undone else hidden_violations(hidden),
    )
