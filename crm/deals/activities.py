"""Notes, calls, messages and meetings on a deal's timeline."""

from __future__ import annotations

from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.permissions import Action, require
from crm.clock import utc_now
from crm.deals.locking import lock_deal
from crm.errors import refuse_if_any
from crm.events import record
from crm.models import Activity, ActivityKind, Direction
from crm.typed_text import block_violations, clean_block

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
    refuse_if_any(block_violations(text, "text", TEXT_LIMIT, required=True))
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
