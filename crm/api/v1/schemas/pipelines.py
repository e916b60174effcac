"""Bodies of pipelines, their stages, fields and reasons of loss."""

from __future__ import annotations

from pydantic import Field

from crm.api.v1.values import Output
from crm.i18n import N_
from crm.models import FieldType, StageKind
from crm.pipelines.values import FieldInfo, LossReasonInfo, PipelineInfo, PipelineSummary, StageInfo


class PipelineLine(Output):
    """A pipeline in the list."""

    id: int
    name: str
    is_archived: bool
    open_stage_count: int

    @classmethod
    def of(cls, summary: PipelineSummary) -> PipelineLine:
        """Return the summary as it is told."""
        return cls(
            id=summary.id,
            name=summary.name,
            is_archived=summary.is_archived,
            open_stage_count=summary.open_stage_count,
        )


class StageOut(Output):
    """A stage of a pipeline."""

    id: int
    name: str
    kind: StageKind
    position: int
    exit_criterion: str | None
    norm_seconds: int | None = Field(description=N_("The longest healthy stay"))
    required: list[str] = Field(description=N_("Keys of the fields a deal needs to enter"))
    is_retired: bool

    @classmethod
    def of(cls, stage: StageInfo) -> StageOut:
        """Return the stage as it is told."""
        return cls(
            id=stage.id,
            name=stage.name,
            kind=stage.kind,
            position=stage.position,
            exit_criterion=stage.exit_criterion,
            norm_seconds=stage.norm_seconds,
            required=list(stage.required),
            is_retired=stage.is_retired,
        )


class OptionOut(Output):
    """One value of a choice field."""

    code: str
    name: str
    is_retired: bool


class FieldOut(Output):
    """A custom field on deals."""

    key: str
    name: str
    type: FieldType
    options: list[OptionOut]
    hint: str | None
    is_active: bool

    @classmethod
    def of(cls, field: FieldInfo) -> FieldOut:
        """Return the field as it is told."""
        return cls(
            key=field.key,
            name=field.name,
            type=field.type,
            options=[OptionOut(code=one.code, name=one.name, is_retired=one.is_retired) for one in field.options],
            hint=field.hint,
            is_active=field.is_active,
        )


class LossReasonOut(Output):
    """A reason of loss."""

    id: int
    name: str
    note_required: bool
    counts_as_loss: bool
    is_active: bool

    @classmethod
    def of(cls, reason: LossReasonInfo) -> LossReasonOut:
        """Return the reason as it is told."""
        return cls(
            id=reason.id,
            name=reason.name,
            note_required=reason.note_required,
            counts_as_loss=reason.counts_as_loss,
            is_active=reason.is_active,
        )


class PipelineOut(Output):
    """A pipeline whole."""

    id: int
    version: int
    name: str
    is_archived: bool
    stages: list[StageOut] = Field(
        description=N_("In order; the open ones first, then won and lost, retired ones last")
    )
    fields: list[FieldOut]
    loss_reasons: list[LossReasonOut]

    @classmethod
    def of(cls, pipeline: PipelineInfo) -> PipelineOut:
        """Return the pipeline as it is told."""
        return cls(
            id=pipeline.id,
            version=pipeline.version,
            name=pipeline.name,
            is_archived=pipeline.is_archived,
            stages=[StageOut.of(stage) for stage in pipeline.stages],
            fields=[FieldOut.of(field) for field in pipeline.fields.values()],
            loss_reasons=[LossReasonOut.of(reason) for reason in pipeline.loss_reasons],
        )
