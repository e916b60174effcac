"""What people decide about a pair besides merging: not a duplicate, later, open again."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.permissions import Action, require
from crm.clock import utc_now
from crm.duplicates.pair_card import take_pair
from crm.errors import CrmError, Violation, refuse_if_any
from crm.events import record
from crm.models import MatchPair, PairState
from crm.typed_text import block_violations, clean_block

NOTE_LENGTH = 2_000
_UNDECIDED = (PairState.OPEN, PairState.SNOOZED)
_DECIDED_BACK = (PairState.SNOOZED, PairState.NOT_DUPLICATE)


class PairDecided(CrmError):
    """Somebody has decided about the pair meanwhile."""

    code = "pair_decided"


def dismiss_pair(session: Session, actor: Actor, *, pair_id: int, note: str | None = None) -> None:
    """Say for everyone that two records are not the same; no scan brings the pair back.

    Errors: Forbidden; NotFound; InvalidInput for too long a note; PairDecided where somebody has decided.
    """
    require(actor, Action.REVIEW_DUPLICATES)
    refuse_if_any(block_violations(note or "", "note", NOTE_LENGTH))
    pair = _take(session, actor, pair_id, _UNDECIDED)
    pair.note = clean_block(note or "") or None
    _decide(session, actor, pair, PairState.NOT_DUPLICATE, "pair.dismissed")


def snooze_pair(session: Session, actor: Actor, *, pair_id: int, until: datetime) -> None:
    """Take a pair out of the queue until a time.

    Errors: Forbidden; NotFound; InvalidInput for a past time; PairDecided.
    """
    require(actor, Action.REVIEW_DUPLICATES)
    refuse_if_any([Violation("pair_until_past", "until")] if until <= utc_now() else [])
    pair = _take(session, actor, pair_id, _UNDECIDED)
    pair.snoozed_until = until
    _decide(session, actor, pair, PairState.SNOOZED, "pair.snoozed", due_at=int(until.timestamp()))


def reopen_pair(session: Session, actor: Actor, *, pair_id: int) -> None:
    """Put a dismissed or snoozed pair back into the queue.

    Errors: Forbidden; NotFound; PairDecided where the two are merged.
    """
    require(actor, Action.REVIEW_DUPLICATES)
    pair = _take(session, actor, pair_id, _DECIDED_BACK)
    pair.snoozed_until = None
    _decide(session, actor, pair, PairState.OPEN, "pair.reopened")


def _take(session: Session, actor: Actor, pair_id: int, states: tuple[PairState, ...]) -> MatchPair:
    take_pair(session, actor, pair_id)
    # Seen; now locked, so that of two who decide at once the second is told.
    pair = session.get_one(MatchPair, pair_id, with_for_update=True, populate_existing=True)
    if pair.state not in states:
        raise PairDecided(id=pair_id, state=pair.state.value)
    return pair


def _decide(
    session: Session, actor: Actor, pair: MatchPair, state: PairState, kind: str, *, due_at: int | None = None
) -> None:
    pair.state = state
    is_final = state is PairState.NOT_DUPLICATE
    pair.decided_by, pair.decided_at = (actor.user_id, utc_now()) if is_final else (None, None)
    if not is_final:
        pair.note = None
    pair.version += 1
    details: dict[str, Any] = {"of": pair.entity_type.value, "left": pair.left_id, "right": pair.right_id}
    if due_at is not None:
        details["due_at"] = due_at
    record(session, actor, kind, "pair", pair.id, **details)
