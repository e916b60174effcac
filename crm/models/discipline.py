"""What stands beside a deal's moves: objections, rules passed with a reason, removals."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from crm.db.types import Code, Id, Json, UtcDateTime
from crm.models.base import Base
from crm.models.codes import ObjectionKind, ObjectionOutcome


class Objection(Base):
    """What a client said against buying, and on which stage."""

    __tablename__ = "objections"
    __table_args__ = (
        Index("ix_objections_deal_id_at", "deal_id", "at"),
        Index("ix_objections_stage_id_outcome", "stage_id", "outcome"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    deal_id: Mapped[int] = mapped_column(ForeignKey("deals.id", ondelete="CASCADE"))
    stage_id: Mapped[int] = mapped_column(ForeignKey("stages.id"))  # where the deal stood when it was said
    kind: Mapped[ObjectionKind] = mapped_column(Code(ObjectionKind))
    text: Mapped[str] = mapped_column(Text)
    buys_if: Mapped[str | None] = mapped_column(Text)  # the condition under which the client would buy
    outcome: Mapped[ObjectionOutcome] = mapped_column(Code(ObjectionOutcome), default=ObjectionOutcome.OPEN)
    outcome_note: Mapped[str | None] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    author_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    resolved_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column(default=1)


class RuleOverride(Base):
    """A move that broke rules and went all the same, because a head said so and why."""

    __tablename__ = "rule_overrides"
    __table_args__ = (Index("ix_rule_overrides_at", "at"), Index("ix_rule_overrides_deal_id", "deal_id"))

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    deal_id: Mapped[int] = mapped_column(ForeignKey("deals.id", ondelete="CASCADE"))
    # The stay that the move ended; for a closed deal taken up again, its last one.
    visit_id: Mapped[int] = mapped_column(ForeignKey("stage_visits.id", ondelete="CASCADE"), index=True)
    from_stage_id: Mapped[int] = mapped_column(ForeignKey("stages.id"))
    to_stage_id: Mapped[int] = mapped_column(ForeignKey("stages.id"))
    rules: Mapped[list[str]] = mapped_column(Json)  # codes of the violations passed
    reason: Mapped[str] = mapped_column(Text)
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class DealRemoval(Base):
    """A deal taken out by an admin: why, and whether it came back."""

    __tablename__ = "deal_removals"
    __table_args__ = (
        Index("ix_deal_removals_at", "at"),
        # The database itself refuses a second removal of a deal that is out.
        Index("uq_deal_removals_out", "deal_id", unique=True,
              sqlite_where=text("restored_at IS NULL"), postgresql_where=text("restored_at IS NULL")),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    deal_id: Mapped[int] = mapped_column(ForeignKey("deals.id", ondelete="CASCADE"))
    reason: Mapped[str] = mapped_column(Text)
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    restored_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    restored_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
