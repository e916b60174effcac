"""Imports, the verdict on each row, and foreign ids that make a second import an update."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from crm.db.types import Code, Id, Json, UtcDateTime
from crm.models.base import Base
from crm.models.codes import ImportStatus, RowVerdict


class Import(Base):
    """One run of an import: its mapping, its counts, whether it was undone."""

    __tablename__ = "imports"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(300))
    system: Mapped[str] = mapped_column(String(50))  # namespace of external ids
    status: Mapped[ImportStatus] = mapped_column(Code(ImportStatus))
    mapping: Mapped[dict[str, Any]] = mapped_column(Json)
    counts: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ImportRow(Base):
    """What an import did to one record, enough to undo it."""

    __tablename__ = "import_rows"
    __table_args__ = (Index("ix_import_rows_import_id_id", "import_id", "id"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    import_id: Mapped[int] = mapped_column(ForeignKey("imports.id", ondelete="CASCADE"))
    file: Mapped[str] = mapped_column(String(300))
    line: Mapped[int]
    verdict: Mapped[RowVerdict] = mapped_column(Code(RowVerdict))
    entity: Mapped[str | None] = mapped_column(String(30))
    entity_id: Mapped[int | None] = mapped_column(Id)
    before: Mapped[dict[str, Any] | None] = mapped_column(Json)  # changed columns of an updated record
    message: Mapped[str | None] = mapped_column(Text)


class ExternalId(Base):
    """The id of one of our records in another system."""

    __tablename__ = "external_ids"
    __table_args__ = (
        UniqueConstraint("system", "entity", "external_id"),
        Index("ix_external_ids_entity_entity_id", "entity", "entity_id"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    system: Mapped[str] = mapped_column(String(50))
    entity: Mapped[str] = mapped_column(String(30))
    external_id: Mapped[str] = mapped_column(String(300))
    entity_id: Mapped[int] = mapped_column(Id)


class SavedMapping(Base):
    """How columns of a kind of file were mapped last time, found again by the header."""

    __tablename__ = "saved_mappings"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    header_hash: Mapped[str] = mapped_column(String(64), unique=True)
    mapping: Mapped[dict[str, Any]] = mapped_column(Json)
    saved_at: Mapped[datetime] = mapped_column(UtcDateTime)
