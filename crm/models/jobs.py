"""Work that runs beside the pages."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from crm.db.types import Code, Id, Json, UtcDateTime
from crm.models.base import Base
from crm.models.codes import JobStatus

_UNFINISHED = text("status IN ('queued', 'running')")


class BackgroundJob(Base):
    """One piece of background work: asked for in a transaction, done by a worker, told as it goes."""

    __tablename__ = "background_jobs"
    __table_args__ = (
        Index("uq_background_jobs_unfinished", "unique_key", unique=True,
              sqlite_where=_UNFINISHED, postgresql_where=_UNFINISHED),
        Index("ix_background_jobs_unfinished", "status", "id", sqlite_where=_UNFINISHED,
              postgresql_where=_UNFINISHED),
        Index("ix_background_jobs_kind_id", "kind", "id"),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    kind: Mapped[str] = mapped_column(String(40))
    status: Mapped[JobStatus] = mapped_column(Code(JobStatus))
    arguments: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    unique_key: Mapped[str | None] = mapped_column(String(200))
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int | None]
    state: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)  # where to go on after a break
    result: Mapped[dict[str, Any] | None] = mapped_column(Json)
    error: Mapped[str | None] = mapped_column(String(200))
    attempts: Mapped[int] = mapped_column(default=0)
    held_by: Mapped[str | None] = mapped_column(String(100))  # the worker at it, until it lets go or dies
    held_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    run_at: Mapped[datetime] = mapped_column(UtcDateTime)  # not before; a broken try waits for the next
    requested_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    cancel_requested_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class JobSchedule(Base):
    """Up to which moment a kind of work that returns by the clock was started."""

    __tablename__ = "job_schedules"

    kind: Mapped[str] = mapped_column(String(40), primary_key=True)
    fired_for: Mapped[datetime] = mapped_column(UtcDateTime)
