"""Events: what happened, by whom and through which channel; append-only."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from crm.db.types import Code, Id, Json, UtcDateTime
from crm.models.base import Base
from crm.models.codes import Channel


class Event(Base):
    """One change, written in the transaction that made it: audit log, trigger and cache key in one."""

    __tablename__ = "events"
    __table_args__ = (
        Index("ix_events_entity_entity_id_id", "entity", "entity_id", "id"),
        Index("ix_events_deal_id_id", "deal_id", "id"),
        Index("ix_events_actor_id_id", "actor_id", "id"),
        Index("ix_events_kind_id", "kind", "id"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    kind: Mapped[str] = mapped_column(String(50))  # "deal.moved"
    entity: Mapped[str] = mapped_column(String(30))
    entity_id: Mapped[int | None] = mapped_column(Id)
    deal_id: Mapped[int | None] = mapped_column(Id)  # the deal whose timeline shows it; no key, it outlives the row
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    channel: Mapped[Channel] = mapped_column(Code(Channel))
    details: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
