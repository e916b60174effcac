"""Who may create deals of a pipeline by hand, and on which stages; links and imports follow rules of their own."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.errors import Violation
from crm.models import Pipeline, PipelineLink, Role
from crm.models.codes import Channel
from crm.pipelines.values import PipelineInfo

_BY_HAND = frozenset({Channel.UI, Channel.API})


def may_create(actor: Actor, pipeline: PipelineInfo) -> bool:
    """Tell whether the actor may create deals of a pipeline."""
    usable = not pipeline.is_archived and bool(pipeline.open_stages)
    return usable and (actor.channel not in _BY_HAND or actor.role in pipeline.creation_roles)


def creation_violations(
    session: Session, actor: Actor, pipeline: PipelineInfo, stage_id: int | None
) -> list[Violation]:
    """Return what the pipeline's policy has against a new deal of this actor on a stage, None for the first one."""
    found = []
    if not may_create(actor, pipeline):
        found.append(Violation("creation_not_allowed", "pipeline", _told(session, pipeline)))
    allowed = pipeline.starting_stages if actor.channel in _BY_HAND else pipeline.open_stages
    if stage_id is not None and pipeline.stage(stage_id) is None:
        found.append(Violation("stage_of_other_pipeline", "stage"))
    elif stage_id is not None and stage_id not in {stage.id for stage in allowed}:
        found.append(Violation("stage_not_for_new", "stage", {"stages": ", ".join(stage.name for stage in allowed)}))
    return found


def _told(session: Session, pipeline: PipelineInfo) -> dict[str, str]:
    query = (
        select(Pipeline.name)
        .join(PipelineLink, PipelineLink.from_pipeline_id == Pipeline.id)
        .where(PipelineLink.to_pipeline_id == pipeline.id, PipelineLink.is_active)
        .distinct()
        .order_by(Pipeline.name)
    )
    roles = ",".join(role.value for role in Role if role in pipeline.creation_roles)
    return {"pipeline": pipeline.name, "origins": ", ".join(session.scalars(query)), "roles": roles}
