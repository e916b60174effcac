"""Pipelines, stages, custom fields, what a stage requires, and reasons of loss."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from crm.db.types import Code, Id, Json, UtcDateTime
from crm.models.base import Base
from crm.models.codes import FieldType, RequirementMoment, Role, StageKind


class Pipeline(Base):
    """One business process."""

    __tablename__ = "pipelines"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(200), unique=True)
    position: Mapped[int]
    is_archived: Mapped[bool] = mapped_column(default=False)
    forward_only: Mapped[bool] = mapped_column(default=True)
    no_skipping: Mapped[bool] = mapped_column(default=True)
    stands_alone: Mapped[bool] = mapped_column(default=False)  # its ends lead nowhere on purpose, as of returns
    lint_limits: Mapped[dict[str, int]] = mapped_column(Json, default=dict)  # where its findings begin elsewhere
    creation_roles: Mapped[list[str]] = mapped_column(Json, default=lambda: [role.value for role in Role])  # by hand
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column(default=1)


class Stage(Base):
    """A finished action in a pipeline, or one of its two ends."""

    __tablename__ = "stages"
    __table_args__ = (
        Index("ix_stages_pipeline_id_position", "pipeline_id", "position"),
        CheckConstraint("norm_seconds IS NULL OR norm_seconds > 0", name="norm_positive"),
        CheckConstraint("win_percent IS NULL OR win_percent BETWEEN 0 AND 100", name="win_percent_in_range"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    pipeline_id: Mapped[int] = mapped_column(ForeignKey("pipelines.id"))
    name: Mapped[str] = mapped_column(String(100))
    kind: Mapped[StageKind] = mapped_column(Code(StageKind))
    position: Mapped[int]
    exit_criterion: Mapped[str | None] = mapped_column(Text)
    norm_seconds: Mapped[int | None]  # longest healthy stay
    color: Mapped[str | None] = mapped_column(String(20))  # a name of crm.pipelines.values.COLORS
    accepts_new: Mapped[bool] = mapped_column(default=False)  # deals may begin here; on the first stage always
    step_kinds: Mapped[list[str]] = mapped_column(Json, default=list)  # next steps that count here; empty: any
    win_percent: Mapped[int | None]  # how many of 100 deals on it are won, as the head sees it; for forecasts
    added_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # None: as old as its pipeline
    retired_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # kept for history, holds no open deals


class FieldDefinition(Base):
    """A typed custom field on deals."""

    __tablename__ = "field_definitions"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(200), unique=True)
    type: Mapped[FieldType] = mapped_column(Code(FieldType))
    options: Mapped[list[dict[str, Any]]] = mapped_column(Json, default=list)  # [{"code", "name"}] of choices
    hint: Mapped[str | None] = mapped_column(String(300))
    position: Mapped[int]
    is_active: Mapped[bool] = mapped_column(default=True)


class StageRequirement(Base):
    """A field that must be filled to enter or to leave a stage: a built-in one by code or a custom one."""

    __tablename__ = "stage_requirements"
    __table_args__ = (
        CheckConstraint("(builtin IS NULL) <> (field_id IS NULL)", name="one_field"),
        UniqueConstraint("stage_id", "moment", "builtin"),
        UniqueConstraint("stage_id", "moment", "field_id"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    stage_id: Mapped[int] = mapped_column(ForeignKey("stages.id", ondelete="CASCADE"))
    moment: Mapped[RequirementMoment] = mapped_column(Code(RequirementMoment), default=RequirementMoment.ENTRY)
    builtin: Mapped[str | None] = mapped_column(String(30))
    field_id: Mapped[int | None] = mapped_column(ForeignKey("field_definitions.id"), index=True)


class StageTransition(Base):
    """An exception for one role to what the pipeline's switches say about a move between two stages."""

    __tablename__ = "stage_transitions"
    __table_args__ = (UniqueConstraint("from_stage_id", "to_stage_id", "role"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    role: Mapped[Role] = mapped_column(Code(Role))
    from_stage_id: Mapped[int] = mapped_column(ForeignKey("stages.id", ondelete="CASCADE"))
    to_stage_id: Mapped[int] = mapped_column(ForeignKey("stages.id", ondelete="CASCADE"), index=True)
    is_allowed: Mapped[bool]


class LossReason(Base):
    """Why deals are lost; without a pipeline it serves all of them."""

    __tablename__ = "loss_reasons"
    __table_args__ = (UniqueConstraint("pipeline_id", "name"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    pipeline_id: Mapped[int | None] = mapped_column(ForeignKey("pipelines.id"))
    name: Mapped[str] = mapped_column(String(200))
    position: Mapped[int]
    note_required: Mapped[bool] = mapped_column(default=False)
    counts_as_loss: Mapped[bool] = mapped_column(default=True)  # False: invalid, duplicate, test
    is_active: Mapped[bool] = mapped_column(default=True)
