"""Links between pipelines, and each firing of one."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from crm.db.types import Code, Id, Json, UtcDateTime
from crm.models.base import Base
from crm.models.codes import LinkKind, LinkOwner, LinkRunStatus, LinkTrigger, StepKind


class PipelineLink(Base):
    """A rule that copies a deal into another pipeline when it is won, lost or comes to a stage."""

    __tablename__ = "pipeline_links"
    __table_args__ = (
        CheckConstraint("(trigger = 'stage') = (from_stage_id IS NOT NULL)", name="stage_of_trigger"),
        CheckConstraint("(owner_rule = 'user') = (owner_id IS NOT NULL)", name="owner_of_rule"),
        CheckConstraint("delay_seconds >= 0 AND cooldown_seconds >= 0", name="no_negative_time"),
        CheckConstraint("max_rounds IS NULL OR max_rounds > 0", name="rounds_positive"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    from_pipeline_id: Mapped[int] = mapped_column(ForeignKey("pipelines.id"), index=True)
    trigger: Mapped[LinkTrigger] = mapped_column(Code(LinkTrigger))
    from_stage_id: Mapped[int | None] = mapped_column(ForeignKey("stages.id"), index=True)
    to_pipeline_id: Mapped[int] = mapped_column(ForeignKey("pipelines.id"), index=True)
    to_stage_id: Mapped[int | None] = mapped_column(ForeignKey("stages.id"), index=True)  # None: the first one
    kind: Mapped[LinkKind] = mapped_column(Code(LinkKind))
    copied: Mapped[list[str]] = mapped_column(Json, default=list)  # keys of fields the new deal takes over
    owner_rule: Mapped[LinkOwner] = mapped_column(Code(LinkOwner))
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    delay_seconds: Mapped[int] = mapped_column(default=0)
    conditions: Mapped[list[dict[str, Any]]] = mapped_column(Json, default=list)  # all must hold
    cooldown_seconds: Mapped[int] = mapped_column(default=0)  # least time between two rounds of one client
    max_rounds: Mapped[int | None]
    skip_if_open: Mapped[bool] = mapped_column(default=False)  # nothing to do while the client has an open deal
    step_kind: Mapped[StepKind] = mapped_column(Code(StepKind))  # the new deal's first next step
    step_text: Mapped[str] = mapped_column(String(500))
    step_due_seconds: Mapped[int]
    is_active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column(default=1)


class LinkRun(Base):
    """One firing of a link: the database itself refuses a second one for the same stay of a deal."""

    __tablename__ = "link_runs"
    __table_args__ = (
        UniqueConstraint("link_id", "deal_id", "visit_id"),
        Index("ix_link_runs_waiting", "due_at",
              sqlite_where=text("status = 'waiting'"), postgresql_where=text("status = 'waiting'")),
        Index("ix_link_runs_deal_id", "deal_id"),
        Index("ix_link_runs_counts", "link_id", "status", "done_at", "deal_id"),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    link_id: Mapped[int] = mapped_column(ForeignKey("pipeline_links.id"))
    deal_id: Mapped[int] = mapped_column(ForeignKey("deals.id", ondelete="CASCADE"))
    visit_id: Mapped[int] = mapped_column(ForeignKey("stage_visits.id", ondelete="CASCADE"), index=True)
    status: Mapped[LinkRunStatus] = mapped_column(Code(LinkRunStatus))
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    done_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    child_deal_id: Mapped[int | None] = mapped_column(ForeignKey("deals.id", ondelete="SET NULL"), index=True)
    reason: Mapped[str | None] = mapped_column(String(50))  # why it was skipped: a code
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
