"""Reading pipelines; every signed-in user may see all of them."""

from __future__ import annotations

from collections import defaultdict

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from crm.errors import NotFound
from crm.models import (
    FieldDefinition,
    LossReason,
    Pipeline,
    RequirementMoment,
    Role,
    Stage,
    StageKind,
    StageRequirement,
    StageTransition,
    StepKind,
)
from crm.pipelines.values import (
    FieldInfo,
    LossReasonInfo,
    Option,
    PipelineInfo,
    PipelineSummary,
    StageInfo,
    custom_key,
)


def list_pipelines(session: Session, *, with_archived: bool = False) -> list[PipelineSummary]:
    """Return the pipelines by position; empty before the first set-up."""
    open_stages = (
        select(func.count())
        .where(Stage.pipeline_id == Pipeline.id, Stage.kind == StageKind.OPEN, Stage.retired_at.is_(None))
        .scalar_subquery()
    )
    query = select(Pipeline.id, Pipeline.name, Pipeline.is_archived, open_stages, Pipeline.creation_roles)
    query = query.order_by(Pipeline.is_archived, Pipeline.position, Pipeline.id)
    if not with_archived:
        query = query.where(Pipeline.is_archived.is_(False))
    return [
        PipelineSummary(pipeline_id, name, is_archived, count, frozenset(Role(role) for role in roles))
        for pipeline_id, name, is_archived, count, roles in session.execute(query)
    ]


def load_pipeline(session: Session, pipeline_id: int) -> PipelineInfo:
    """Return a pipeline whole.

    Errors: NotFound.
    """
    # Columns and not rows of the session: after a lock they are as committed, whatever was read before it.
    query = select(
        Pipeline.name,
        Pipeline.is_archived,
        Pipeline.version,
        Pipeline.forward_only,
        Pipeline.no_skipping,
        Pipeline.creation_roles,
        Pipeline.stands_alone,
    ).where(Pipeline.id == pipeline_id)
    pipeline = session.execute(query).one_or_none()
    if pipeline is None:
        raise NotFound(entity="pipeline", id=pipeline_id)
    return PipelineInfo(
        id=pipeline_id,
        name=pipeline.name,
        is_archived=pipeline.is_archived,
        version=pipeline.version,
        stages=_stages(session, pipeline_id),
        loss_reasons=load_loss_reasons(session, pipeline_id),
        fields={field.key: field for field in load_fields(session)},
        forward_only=pipeline.forward_only,
        no_skipping=pipeline.no_skipping,
        creation_roles=frozenset(Role(role) for role in pipeline.creation_roles),
        transitions=_transitions(session, pipeline_id),
        stands_alone=pipeline.stands_alone,
    )


def load_fields(session: Session) -> tuple[FieldInfo, ...]:
    """Return every custom field by position, switched-off ones last."""
    query = select(
        FieldDefinition.id,
        FieldDefinition.name,
        FieldDefinition.type,
        FieldDefinition.options,
        FieldDefinition.hint,
        FieldDefinition.is_active,
    ).order_by(FieldDefinition.is_active.desc(), FieldDefinition.position, FieldDefinition.id)
    return tuple(
        FieldInfo(
            id=row.id,
            name=row.name,
            type=row.type,
            options=tuple(
                Option(option["code"], option["name"], option.get("is_retired", False)) for option in row.options
            ),
            hint=row.hint,
            is_active=row.is_active,
        )
        for row in session.execute(query)
    )


def load_loss_reasons(session: Session, pipeline_id: int | None) -> tuple[LossReasonInfo, ...]:
    """Return the reasons of a pipeline with those that serve all, by position."""
    query = (
        select(
            LossReason.id,
            LossReason.pipeline_id,
            LossReason.name,
            LossReason.note_required,
            LossReason.counts_as_loss,
            LossReason.is_active,
        )
        .where(or_(LossReason.pipeline_id.is_(None), LossReason.pipeline_id == pipeline_id))
        .order_by(LossReason.position, LossReason.id)
    )
    return tuple(LossReasonInfo(*row) for row in session.execute(query))


def _transitions(session: Session, pipeline_id: int) -> dict[tuple[Role, int, int], bool]:
    query = (
        select(
            StageTransition.role, StageTransition.from_stage_id, StageTransition.to_stage_id, StageTransition.is_allowed
        )
        .join(Stage, Stage.id == StageTransition.from_stage_id)
        .where(Stage.pipeline_id == pipeline_id)
    )
    return {(role, start, end): allowed for role, start, end, allowed in session.execute(query)}


def _stages(session: Session, pipeline_id: int) -> tuple[StageInfo, ...]:
    required = _requirements(session, pipeline_id)
    rows = session.execute(
        select(
            Stage.id, Stage.name, Stage.kind, Stage.position, Stage.exit_criterion, Stage.norm_seconds,
            Stage.retired_at, Stage.step_kinds, Stage.color, Stage.accepts_new, Stage.win_percent,
        )
        .where(Stage.pipeline_id == pipeline_id)
        .order_by(Stage.position, Stage.id)
    )  # fmt: skip
    stages = [
        StageInfo(
            id=row.id,
            pipeline_id=pipeline_id,
            name=row.name,
            kind=row.kind,
            position=row.position,
            exit_criterion=row.exit_criterion,
            norm_seconds=row.norm_seconds,
            required=tuple(required[row.id, RequirementMoment.ENTRY]),
            is_retired=row.retired_at is not None,
            required_exit=tuple(required[row.id, RequirementMoment.EXIT]),
            step_kinds=tuple(StepKind(kind) for kind in row.step_kinds),
            color=row.color,
            accepts_new=row.accepts_new,
            win_percent=row.win_percent,
        )
        for row in rows
    ]
    return tuple(sorted(stages, key=lambda stage: stage.is_retired))


def _requirements(session: Session, pipeline_id: int) -> dict[tuple[int, RequirementMoment], list[str]]:
    required: dict[tuple[int, RequirementMoment], list[str]] = defaultdict(list)
    query = (
        select(StageRequirement.stage_id, StageRequirement.moment, StageRequirement.builtin, StageRequirement.field_id)
        .join(Stage, Stage.id == StageRequirement.stage_id)
        .where(Stage.pipeline_id == pipeline_id)
        .order_by(StageRequirement.id)
    )
    for stage_id, moment, builtin, field_id in session.execute(query):
        if builtin is not None:
            required[stage_id, moment].append(builtin)
        elif field_id is not None:
            required[stage_id, moment].append(custom_key(field_id))
    return required
