"""What the linter found in a pipeline over time, and what was accepted with a reason."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from crm.db.types import Code, Id, Json, UtcDateTime
from crm.models.base import Base
from crm.models.codes import LintOccasion


class LintAcceptance(Base):
    """A finding that somebody answers for: it no longer lowers the score."""

    __tablename__ = "lint_acceptances"
    __table_args__ = (UniqueConstraint("pipeline_id", "code", "subject"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    pipeline_id: Mapped[int] = mapped_column(ForeignKey("pipelines.id", ondelete="CASCADE"))
    code: Mapped[str] = mapped_column(String(3))  # "L02"
    subject: Mapped[str] = mapped_column(String(100))  # what it is about: "stage:12", "" for the pipeline
    reason: Mapped[str] = mapped_column(Text)
    author_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class LintRun(Base):
    """One look over a pipeline: its score from 0 to 100 and what was found."""

    __tablename__ = "lint_runs"
    __table_args__ = (Index("ix_lint_runs_pipeline_id_at", "pipeline_id", "at"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    pipeline_id: Mapped[int] = mapped_column(ForeignKey("pipelines.id", ondelete="CASCADE"))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    occasion: Mapped[LintOccasion] = mapped_column(Code(LintOccasion))
    score: Mapped[int]
    findings: Mapped[list[dict[str, Any]]] = mapped_column(Json)  # [{"code", "severity", "subject", "accepted"}]
