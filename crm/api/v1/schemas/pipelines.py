"""Bodies of pipelines, their stages, fields and reasons of loss."""

from __future__ import annotations

from collections.abc import Collection

from pydantic import Field

from crm.api.v1.values import Output
from crm.i18n import N_
from crm.models import FieldType, Role, StageKind, StepKind
from crm.pipelines.values import FieldInfo, LossReasonInfo, PipelineInfo, PipelineSummary, StageInfo


class PipelineLine(Output):
    """A pipeline in the list."""

    id: int
    name: str
    is_archived: bool
    open_stage_count: int
    creation_roles: list[Role] = Field(description=N_("Roles that create deals by hand and by this API"))

    @classmethod
    def of(cls, summary: PipelineSummary) -> PipelineLine:
        """Return the summary as it is told."""
        return cls(
            id=summary.id,
            name=summary.name,
            is_archived=summary.is_archived,
            open_stage_count=summary.open_stage_count,
            creation_roles=_in_order(summary.creation_roles),
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
    required_exit: list[str] = Field(description=N_("Keys of the fields a deal needs to go on from it"))
    step_kinds: list[StepKind] = Field(description=N_("Kinds of next steps that count here; any when empty"))
    color: str | None
    accepts_new: bool = Field(description=N_("New deals may begin here; on the first stage they always may"))
    win_percent: int | None = Field(description=N_("Deals won of a hundred on this stage, as the head sees it"))
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
            required_exit=list(stage.required_exit),
            step_kinds=list(stage.step_kinds),
            color=stage.color,
            accepts_new=stage.accepts_new,
            win_percent=stage.win_percent,
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


class TransitionOut(Output):
    """An exception of a role to what the pipeline's switches say."""

    role: Role
    from_stage_id: int
    to_stage_id: int
    is_allowed: bool


class PipelineOut(Output):
    """A pipeline whole."""

    id: int
    version: int
    name: str
    is_archived: bool
    forward_only: bool = Field(description=N_("Deals don't go back"))
    no_skipping: bool = Field(description=N_("Deals enter every stage in turn"))
    creation_roles: list[Role] = Field(description=N_("Roles that create deals by hand and by this API"))
    transitions: list[TransitionOut] = Field(description=N_("Exceptions of single roles to the two switches"))
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
            forward_only=pipeline.forward_only,
            no_skipping=pipeline.no_skipping,
            creation_roles=_in_order(pipeline.creation_roles),
            transitions=[
                TransitionOut(role=role, from_stage_id=start, to_stage_id=end, is_allowed=allowed)
                for (role, start, end), allowed in sorted(pipeline.transitions.items())
            ],
            stages=[StageOut.of(stage) for stage in pipeline.stages],
            fields=[FieldOut.of(field) for field in pipeline.fields.values()],
            loss_reasons=[LossReasonOut.of(reason) for reason in pipeline.loss_reasons],
        )


def _in_order(roles: Collection[Role]) -> list[Role]:
    return [role for role in Role if role in roles]
