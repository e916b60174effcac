"""Bodies of a deal's timeline: activities and events."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, TypeAlias

from pydantic import ConfigDict, Field

from crm.api.v1.values import Input, Output, Text20000
from crm.deals.timeline import TimelineItem
from crm.i18n import N_
from crm.models import ActivityKind, Channel, Direction

ActivityKindName: TypeAlias = Literal["note", "call", "message", "meeting"]
DirectionName: TypeAlias = Literal["in", "out"]


class ActivityNew(Input):
    """A note, or a contact with the client that has just been."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"kind": "call", "direction": "out", "text": "Asked for a discount"}]}
    )

    kind: ActivityKindName
    text: Text20000
    direction: DirectionName | None = None


class ActivityOut(Output):
    """An activity that was written down."""

    id: int


class TimelineItemOut(Output):
    """One thing that happened: an activity or an event, whose kind is set."""

    key: str
    at: datetime
    author: str | None
    activity_kind: ActivityKind | None
    direction: Direction | None
    text: str
    event_kind: str | None = Field(description=N_("Such as deal.moved"))
    channel: Channel | None
    details: dict[str, Any]

    @classmethod
    def of(cls, item: TimelineItem) -> TimelineItemOut:
        """Return the item as it is told."""
        return cls(
            key=item.key,
            at=item.at,
            author=item.author,
            activity_kind=item.activity_kind,
            direction=item.direction,
            text=item.text,
            event_kind=item.event_kind,
            channel=item.channel,
            details=dict(item.details),
        )
