"""Deals, their contacts, stage visits, next steps and activities."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Date,
    ForeignKey,
    Index,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from crm.clock import utc_now
from crm.db.types import Code, Id, Json, UtcDateTime
from crm.models.base import Base
from crm.models.codes import (
    ActivityKind,
    Channel,
    DealStatus,
    Direction,
    Priority,
    StepKind,
    StepResult,
    VisitOutcome,
)

_OPEN = text("status = 0")
_MERGED = text("merged_into_id IS NOT NULL")


def _same_as_entered(context: Any) -> Any:
    return context.get_current_parameters()["entered_at"]


class Deal(Base):
    """A sale in a pipeline; `status` mirrors the kind of its stage, `next_due_at` its nearest next step.

    The indexes of open deals by next step (board, my day) stand in the migration: they put deals without one first,
    which each engine is told in its own words. So does that of a company's deals: open ones first, then the newest.
    """

    __tablename__ = "deals"
    __table_args__ = (
        CheckConstraint("amount_minor >= 0", name="amount_not_negative"),
        Index("ix_deals_board_sums", "pipeline_id", "stage_id", "currency", "owner_id", "amount_minor", "priority",
              "source", "expected_close_on", sqlite_where=_OPEN, postgresql_where=_OPEN),
        Index("ix_deals_closed", "pipeline_id", "status", "closed_at", "owner_id", "currency", "amount_minor",
              "loss_reason_id", "loss_stage_id", "created_at", "company_id", "created_channel", "id"),
        Index("ix_deals_created", "pipeline_id", "created_at", "status", "source", "return_source", "loss_reason_id",
              "currency", "amount_minor", "closed_at", "company_id", "created_channel", "owner_id", "id"),
        Index("ix_deals_updated_at_id", "updated_at", "id"),
        Index("ix_deals_merged_into_id", "merged_into_id", sqlite_where=_MERGED, postgresql_where=_MERGED),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    pipeline_id: Mapped[int] = mapped_column(ForeignKey("pipelines.id"))
    stage_id: Mapped[int] = mapped_column(ForeignKey("stages.id"), index=True)
    status: Mapped[DealStatus] = mapped_column(Code(DealStatus))
    owner_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    company_id: Mapped[int | None] = mapped_column(ForeignKey("companies.id"))
    title: Mapped[str] = mapped_column(String(300))
    amount_minor: Mapped[int | None] = mapped_column(BigInteger)  # hundredths of the currency
    currency: Mapped[str] = mapped_column(String(3))
    priority: Mapped[Priority] = mapped_column(Code(Priority))
    source: Mapped[str | None] = mapped_column(String(100), index=True)
    utm_source: Mapped[str | None] = mapped_column(String(200))
    utm_medium: Mapped[str | None] = mapped_column(String(200))
    utm_campaign: Mapped[str | None] = mapped_column(String(200))
    utm_content: Mapped[str | None] = mapped_column(String(200))
    utm_term: Mapped[str | None] = mapped_column(String(200))
    expected_close_on: Mapped[date | None] = mapped_column(Date)
    custom: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)  # str(field id) -> typed value
    origin_deal_id: Mapped[int | None] = mapped_column(ForeignKey("deals.id"), index=True)
    origin_link_id: Mapped[int | None] = mapped_column(ForeignKey("pipeline_links.id"), index=True)
    round: Mapped[int] = mapped_column(default=1)  # how often the client's chain has come to this pipeline
    return_source: Mapped[str | None] = mapped_column(
        String(100)
    )  # beside `source`: what brought a refused client back
    loss_reason_id: Mapped[int | None] = mapped_column(ForeignKey("loss_reasons.id"), index=True)
    loss_note: Mapped[str | None] = mapped_column(Text)
    loss_stage_id: Mapped[int | None] = mapped_column(ForeignKey("stages.id"))  # last open stage
    next_due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    stage_entered_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    created_channel: Mapped[Channel] = mapped_column(Code(Channel))
    # The last change of this row, for those who fetch what is new; notes leave it.
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now, onupdate=utc_now)
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    merged_into_id: Mapped[int | None] = mapped_column(ForeignKey("deals.id"))  # hidden since
    version: Mapped[int] = mapped_column(default=1)


class DealContact(Base):
    """A contact's part in a deal."""

    __tablename__ = "deal_contacts"
    __table_args__ = (UniqueConstraint("deal_id", "contact_id"), Index(None, "contact_id", "deal_id"))

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    deal_id: Mapped[int] = mapped_column(ForeignKey("deals.id", ondelete="CASCADE"))
    contact_id: Mapped[int] = mapped_column(ForeignKey("contacts.id"))
    role: Mapped[str | None] = mapped_column(String(100))
    position: Mapped[int] = mapped_column(default=0)  # 0 is the main contact


class StageVisit(Base):
    """One stay of a deal on an open stage with one owner: the fact all funnel analytics stand on."""

    __tablename__ = "stage_visits"
    __table_args__ = (
        CheckConstraint("left_at IS NULL OR left_at >= entered_at", name="not_backwards"),
        Index("ix_stage_visits_deal_id_entered_at", "deal_id", "entered_at", "id", "pipeline_id", "stage_id",
              "owner_known", "owner_id"),
        Index("ix_stage_visits_cell", "stage_id", "owner_id", "entered_at", "outcome", "left_at"),
        Index("ix_stage_visits_stays", "pipeline_id", "stay_entered_at", "stage_id", "outcome", "next_stage_id",
              "left_at", "owner_id", "deal_id", "entered_at", "owner_known", "id"),
        Index("ix_stage_visits_entered", "pipeline_id", "entered_at", "stage_id", "left_at", "owner_id", "owner_known",
              "outcome", "deal_id"),
        # The database itself refuses a second open visit of one deal.
        Index("uq_stage_visits_open", "deal_id", unique=True,
              sqlite_where=text("left_at IS NULL"), postgresql_where=text("left_at IS NULL")),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    deal_id: Mapped[int] = mapped_column(ForeignKey("deals.id", ondelete="CASCADE"))
    pipeline_id: Mapped[int] = mapped_column(ForeignKey("pipelines.id"))
    stage_id: Mapped[int] = mapped_column(ForeignKey("stages.id"))
    owner_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    # False where an imported history doesn't say whose the deal was; `owner_id` is then its owner of today.
    owner_known: Mapped[bool] = mapped_column(default=True)
    entered_at: Mapped[datetime] = mapped_column(UtcDateTime)
    # When the deal came to the stage: a hand-over begins a visit, but not another stay. Kept by crm/deals/paths.py.
    stay_entered_at: Mapped[datetime] = mapped_column(UtcDateTime, default=_same_as_entered)
    left_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    outcome: Mapped[VisitOutcome] = mapped_column(Code(VisitOutcome))
    next_stage_id: Mapped[int | None] = mapped_column(ForeignKey("stages.id"))
    is_first: Mapped[bool]  # the deal's first stay on this stage
    channel: Mapped[Channel] = mapped_column(Code(Channel))
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))


class NextStep(Base):
    """What is agreed to be done next on a deal, and by when."""

    __tablename__ = "next_steps"
    __table_args__ = (
        Index("ix_next_steps_open", "deal_id", "due_at",
              sqlite_where=text("done_at IS NULL"), postgresql_where=text("done_at IS NULL")),
        Index("ix_next_steps_due", "owner_id", "due_at",
              sqlite_where=text("done_at IS NULL"), postgresql_where=text("done_at IS NULL")),
        Index("ix_next_steps_deal_id", "deal_id"),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    deal_id: Mapped[int] = mapped_column(ForeignKey("deals.id", ondelete="CASCADE"))
    kind: Mapped[StepKind] = mapped_column(Code(StepKind))
    text: Mapped[str] = mapped_column(String(500))
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    owner_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    done_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    done_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    result: Mapped[StepResult | None] = mapped_column(Code(StepResult))
    result_text: Mapped[str | None] = mapped_column(Text)
    version: Mapped[int] = mapped_column(default=1)


class Activity(Base):
    """A note, call, message or meeting on a deal's timeline."""

    __tablename__ = "activities"
    __table_args__ = (Index("ix_activities_deal_id_at", "deal_id", "at"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    deal_id: Mapped[int] = mapped_column(ForeignKey("deals.id", ondelete="CASCADE"))
    contact_id: Mapped[int | None] = mapped_column(ForeignKey("contacts.id"), index=True)
    kind: Mapped[ActivityKind] = mapped_column(Code(ActivityKind))
    direction: Mapped[Direction | None] = mapped_column(Code(Direction))
    text: Mapped[str] = mapped_column(Text)
    duration_seconds: Mapped[int | None]
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    author_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
