"""Notes, calls, messages and meetings on a deal's timeline."""

from __future__ import annotations

from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.permissions import Action, require
from crm.clock import utc_now
from crm.deals.locking import lock_deal
from crm.errors import Violation, refuse_if_any
from crm.events import record
from crm.models import Activity, ActivityKind, Direction
from crm.typed_text import clean_block

TEXT_LIMIT = 20_000


def add_activity(
    session: Session,
    actor: Actor,
    *,
    deal_id: int,
    kind: ActivityKind,
    text: str,
    direction: Direction | None = None,
) -> int:
    """Write down a note or a contact with the client that has just been; return its id.

    Errors: NotFound; InvalidInput for an empty, too long or unreadable text.
    """
    require(actor, Action.WORK_DEALS)
    deal = lock_deal(session, actor, deal_id)
    refuse_if_any(_text_violations(text))
    activity = Activity(
        deal_id=deal.id,
        kind=kind,
        direction=direction,
        text=clean_block(text),
        at=utc_now(),
        author_id=actor.user_id,
    )
    session.add(activity)
    session.flush()
    record(session, actor, "activity.added", "activity", activity.id, deal_id=deal.id, activity_kind=kind.value)
    return activity.id


def _text_violations(text: str) -> list[Violation]:
    if "\x00" in text or any(0xD800 <= ord(char) <= 0xDFFF for char in text):
        return [Violation("text_unreadable", "text")]
    cleaned = clean_block(text)
    if not cleaned:
        return [Violation("value_required", "text")]
    if len(cleaned) > TEXT_LIMIT:
        return [Violation("text_too_long", "text", {"length": len(cleaned), "limit": TEXT_LIMIT})]
    return []
