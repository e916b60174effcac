"""A deal's timeline: activities and events in one order, newest first, page by page; those of merged deals too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from crm.actor import Actor
from crm.auth.merged import not_found
from crm.auth.visibility import deal_visible
from crm.models import Activity, ActivityKind, Channel, Deal, Direction, EntityType, Event, Merge, User

# Shown as the activity itself.
_HIDDEN_EVENTS = ("activity.added",)


@dataclass(frozen=True, slots=True)
class TimelineItem:
    """One thing that happened: an activity (`activity_kind` is set) or an event (`event_kind` is set).

    `merged_deal_id` is the deal, merged into this one since, where it happened.
    """

    key: str
    at: datetime
    author: str | None
    activity_kind: ActivityKind | None
    direction: Direction | None
    text: str
    event_kind: str | None
    channel: Channel | None
    details: Mapping[str, Any]
    merged_deal_id: int | None = None

    @property
    def place(self) -> tuple[datetime, str]:
        """Return the item's place in the order; no two items share one."""
        return self.at, self.key


def load_timeline(
    session: Session, actor: Actor, deal_id: int, *, limit: int = 30, before: tuple[datetime, str] | None = None
) -> list[TimelineItem]:
    """Return the newest `limit` items of a deal, newest first; `before` is the place of the last one seen.

    Errors: NotFound.
    """
    if not session.scalar(select(exists().where(Deal.id == deal_id, deal_visible(actor)))):
        raise not_found(session, actor, "deal", deal_id)
    deal_ids = [deal_id, *merged_deals(session, deal_id)]
    items = _activities(session, deal_ids, limit, before) + _events(session, deal_ids, limit, before)
    return sorted(items, key=lambda item: item.place, reverse=True)[:limit]


def merged_deals(session: Session, deal_id: int) -> list[int]:
    """Return the deals that were merged into a deal, into those too."""
    family = select(Deal.id).where(Deal.merged_into_id == deal_id).cte("merged_deals", recursive=True)
    family = family.union(select(Deal.id).where(Deal.merged_into_id == family.c.id))
    return sorted(session.scalars(select(family.c.id)))


def _origins(session: Session, deal_ids: list[int], activity_ids: set[int]) -> dict[int, int]:
    """Return the deal each moved activity of a page was written on, as the merges in force tell it."""
    if len(deal_ids) == 1 or not activity_ids:
        return {}
    query = select(Merge.moved).where(
        Merge.entity_type == EntityType.DEAL, Merge.survivor_id.in_(deal_ids), Merge.undone_at.is_(None)
    )
    origins: dict[int, int] = {}
    for entry in (entry for moved in session.scalars(query.order_by(Merge.id)) for entry in moved):
        if (entry["table"], entry.get("column")) == ("activities", "deal_id"):
            # Moved again since, it was still written on the first one.
            origins = dict.fromkeys(activity_ids.intersection(entry["ids"]), entry["from"]) | origins
    return origins


def _activities(
    session: Session, deal_ids: list[int], limit: int, before: tuple[datetime, str] | None
) -> list[TimelineItem]:
    query = (
        select(Activity.id, Activity.at, User.name, Activity.kind, Activity.direction, Activity.text)
        .outerjoin(User, User.id == Activity.author_id)
        .where(Activity.deal_id == deal_ids[0])
        .order_by(Activity.at.desc(), Activity.id.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(_earlier(Activity.at, Activity.id, "a", before))
    rows = session.execute(query).all()
    origins = _origins(session, deal_ids, {row.id for row in rows})
    return [
        TimelineItem(f"a{row_id:015}", at, author, kind, direction, text, None, None, {}, origins.get(row_id))
        for row_id, at, author, kind, direction, text in rows
    ]


def _events(
    session: Session, deal_ids: list[int], limit: int, before: tuple[datetime, str] | None
) -> list[TimelineItem]:
    deal_id = deal_ids[0]
    query = (
        select(Event.id, Event.at, User.name, Event.kind, Event.channel, Event.details, Event.deal_id)
        .outerjoin(User, User.id == Event.actor_id)
        .where(Event.deal_id.in_(deal_ids), Event.kind.not_in(_HIDDEN_EVENTS))
        .order_by(Event.at.desc(), Event.id.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(_earlier(Event.at, Event.id, "e", before))
    return [
        TimelineItem(
            f"e{row_id:015}", at, author, None, None, "", kind, channel, details, None if of == deal_id else of
        )
        for row_id, at, author, kind, channel, details, of in session.execute(query)
    ]


def _earlier(
    at: InstrumentedAttribute[datetime], row_id: InstrumentedAttribute[int], letter: str, before: tuple[datetime, str]
) -> ColumnElement[bool]:
    moment, key = before
    if key[:1] == letter:
        return or_(at < moment, and_(at == moment, row_id < int(key[1:])))
    return at <= moment if letter < key else at < moment
