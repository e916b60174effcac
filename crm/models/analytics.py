"""What analytics stand on beside the facts: how far deals came, targets, saved views, findings of each day."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Date, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from crm.db.types import Code, Id, Json, UtcDateTime
from crm.models.base import Base
from crm.models.codes import ReachOutcome, TargetMetric


class StageReach(Base):
    """How a deal came to a stage or past it, and what became of it there; derived from its visits, never typed.

    `crm/deals/paths.py` says what the columns mean and writes them; docs/analytics.md says it in the users' words.
    """

    __tablename__ = "stage_reaches"
    __table_args__ = (
        Index("ix_stage_reaches_stage", "pipeline_id", "reached_at", "stage_id", "outcome", "entered_at", "credited_to",
              "owner_id", "began_at", "deal_id"),
        Index("ix_stage_reaches_began", "pipeline_id", "began_at", "stage_id", "in_order", "outcome", "reached_at",
              "decided_at"),
    )  # fmt: skip

    deal_id: Mapped[int] = mapped_column(ForeignKey("deals.id", ondelete="CASCADE"), primary_key=True)
    stage_id: Mapped[int] = mapped_column(ForeignKey("stages.id"), primary_key=True)
    pipeline_id: Mapped[int] = mapped_column(ForeignKey("pipelines.id"))
    began_at: Mapped[datetime] = mapped_column(UtcDateTime)  # the deal's coming to the pipeline
    reached_at: Mapped[datetime] = mapped_column(UtcDateTime)  # first on this stage or past it
    entered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # first really on it; None: passed over
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))  # whose deal it was when it came
    outcome: Mapped[ReachOutcome] = mapped_column(Code(ReachOutcome))
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # when it went further, or was lost
    credited_to: Mapped[int | None] = mapped_column(ForeignKey("users.id"))  # the owner then; of an open one, now
    in_order: Mapped[bool]  # every stage up to this one entered, each after the one before


class Target(Base):
    """A plan for a month: of a person or the company, of a pipeline or all of them."""

    __tablename__ = "targets"
    __table_args__ = (
        UniqueConstraint("month", "metric", "whose"),
        CheckConstraint("value >= 0", name="not_negative"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    month: Mapped[date] = mapped_column(Date)  # its first day
    metric: Mapped[TargetMetric] = mapped_column(Code(TargetMetric))
    pipeline_id: Mapped[int | None] = mapped_column(ForeignKey("pipelines.id"))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"), index=True)
    whose: Mapped[str] = mapped_column(String(40))  # both ids with 0 for none: NULLs would not be unique
    value: Mapped[int] = mapped_column(BigInteger)  # deals, or hundredths of the workspace's currency
    version: Mapped[int] = mapped_column(default=1)


class SavedView(Base):
    """A dashboard's scope under a name, its owner's or everybody's."""

    __tablename__ = "saved_views"
    __table_args__ = (UniqueConstraint("owner_id", "page", "name"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    page: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(100))
    query: Mapped[dict[str, Any]] = mapped_column(Json)  # the parameters of the page's address
    is_shared: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column(default=1)


class TrustDay(Base):
    """How many deals a finding of data trust named at the end of a day; what is gone can't be counted later."""

    __tablename__ = "trust_days"

    day: Mapped[date] = mapped_column(Date, primary_key=True)
    finding: Mapped[str] = mapped_column(String(40), primary_key=True)
    # Notes hold neither: who takes an import back takes its pipeline and its people with the notes of that night.
    pipeline_id: Mapped[int] = mapped_column(ForeignKey("pipelines.id", ondelete="CASCADE"), primary_key=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    found: Mapped[int]
    looked_at: Mapped[int]  # deals that the finding could have named
