"""Merges of two records into one, with all that is needed to take them back, and their batches."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Float, ForeignKey, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from crm.db.types import Code, Id, Json, UtcDateTime
from crm.models.base import Base
from crm.models.codes import EntityType, MergeBatchStatus

_IN_FORCE = text("undone_at IS NULL")


class MergeBatch(Base):
    """Many merges started together, taken back together."""

    __tablename__ = "merge_batches"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    entity_type: Mapped[EntityType] = mapped_column(Code(EntityType))
    status: Mapped[MergeBatchStatus] = mapped_column(Code(MergeBatchStatus))
    least_weight: Mapped[float] = mapped_column(Float)  # log2 odds
    planned: Mapped[int]
    merged: Mapped[int] = mapped_column(default=0)
    skipped: Mapped[int] = mapped_column(default=0)
    note: Mapped[str | None] = mapped_column(Text)
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Merge(Base):
    """One record put into another: what both were, what moved, what was chosen; enough to take it back."""

    __tablename__ = "merges"
    __table_args__ = (
        Index("ix_merges_survivor", "entity_type", "survivor_id"),
        # The database itself refuses a second merge of a record that is already in another.
        Index("uq_merges_in_force", "entity_type", "merged_id", unique=True,
              sqlite_where=_IN_FORCE, postgresql_where=_IN_FORCE),
        Index("ix_merges_batch_id", "batch_id"),
        Index("ix_merges_at", "at"),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    entity_type: Mapped[EntityType] = mapped_column(Code(EntityType))
    survivor_id: Mapped[int] = mapped_column(Id)
    merged_id: Mapped[int] = mapped_column(Id)
    pair_id: Mapped[int | None] = mapped_column(ForeignKey("match_pairs.id"), index=True)
    batch_id: Mapped[int | None] = mapped_column(ForeignKey("merge_batches.id"))
    before: Mapped[dict[str, Any]] = mapped_column(Json)  # both rows as they were
    choices: Mapped[dict[str, Any]] = mapped_column(Json)  # field -> which side
    moved: Mapped[list[Any]] = mapped_column(Json)  # table, column, ids: what was pointed from one to the other
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    undone_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    undone_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    conflicts: Mapped[list[Any] | None] = mapped_column(Json)  # what an undo left as it was, field by field
