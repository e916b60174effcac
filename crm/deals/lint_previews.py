"""What a fix of the linter would change, told before it is done."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.permissions import Action, require
from crm.deals.stage_traces import without_objection, without_source
from crm.errors import NotFound
from crm.models import Deal
from crm.models.codes import LinkTrigger, Role
from crm.pipelines.commands import open_deal_count
from crm.pipelines.links import links_set_off
from crm.pipelines.linter.values import (
    AllowSkip,
    CloseWithReason,
    Fix,
    MoveSourceToField,
    RenameStage,
    RetireStage,
    SplitPipeline,
    TurnIntoObjections,
)
from crm.pipelines.reads import load_pipeline
from crm.pipelines.values import PipelineInfo, StageInfo


@dataclass(frozen=True, slots=True)
class FixPreview:
    """What a fix would change: the working stages before and after, and how many deals it touches.

    `open_deals` leave their stage, for the stage `target` or to be closed; `marked_deals` get a source or an objection;
    `links` are the pipelines into which closing copies deals; `banned` are the roles that an exception forbids the way.
    """

    pipeline: PipelineInfo
    stages_before: tuple[str, ...]
    stages_after: tuple[str, ...]
    open_deals: int = 0
    target: str | None = None
    marked_deals: int = 0
    links: tuple[str, ...] = ()
    banned: tuple[Role, ...] = ()


def preview_fix(session: Session, actor: Actor, *, pipeline_id: int, fix: Fix) -> FixPreview:
    """Tell what a fix would change, and change nothing.

    Errors: Forbidden; NotFound for a pipeline or a stage of it that is not there.
    """
    require(actor, Action.DESIGN_PIPELINES)
    pipeline = load_pipeline(session, pipeline_id)
    names = tuple(stage.name for stage in pipeline.open_stages)
    plain = FixPreview(pipeline, names, names)
    match fix:
        case RenameStage(stage_id, name):
            stage = stage_in_use(pipeline, stage_id)
            renamed = tuple(name or one.name if one == stage else one.name for one in pipeline.open_stages)
            return replace(plain, stages_after=renamed)
        case RetireStage(stage_id) | TurnIntoObjections(stage_id) | MoveSourceToField(stage_id):
            return _preview_retiring(session, plain, fix)
        case CloseWithReason(stage_id):
            stage = stage_in_use(pipeline, stage_id)
            links = links_set_off(session, pipeline_id, LinkTrigger.LOST, pipeline.lost_stage.id)
            return replace(
                plain,
                stages_after=tuple(name for name in names if name != stage.name),
                open_deals=open_deal_count(session, stage_id),
                target=pipeline.lost_stage.name,
                links=tuple(link.to_pipeline for link in links),
            )
        case SplitPipeline(stage_ids):
            kept = tuple(one.name for one in pipeline.open_stages if one.id not in stage_ids)
            count = sum(open_deal_count(session, one) for one in stage_ids)
            return replace(plain, stages_after=kept, open_deals=count)
        case AllowSkip(stage_id):
            way = way_past(pipeline, stage_id)
            banned = tuple(role for role in Role if way and pipeline.transitions.get((role, *way)) is False)
            return replace(plain, banned=banned)
        case _:
            return plain


def stage_in_use(pipeline: PipelineInfo, stage_id: int) -> StageInfo:
    """Return a working stage of the pipeline.

    Errors: NotFound.
    """
    stage = next((one for one in pipeline.open_stages if one.id == stage_id), None)
    if stage is None:
        raise NotFound(entity="stage", id=stage_id)
    return stage


def way_past(pipeline: PipelineInfo, stage_id: int) -> tuple[int, int] | None:
    """Return the move that passes a stage by, as ids of its ends; None for the first stage."""
    stage = stage_in_use(pipeline, stage_id)
    before = [one for one in pipeline.open_stages if one.position < stage.position]
    return (before[-1].id, pipeline.next_stage(stage).id) if before else None


def _preview_retiring(
    session: Session, plain: FixPreview, fix: RetireStage | TurnIntoObjections | MoveSourceToField
) -> FixPreview:
    stage, target = stage_in_use(plain.pipeline, fix.stage_id), stage_in_use(plain.pipeline, fix.target_stage_id)
    marked = 0
    if not isinstance(fix, RetireStage):
        which = without_objection(stage.id) if isinstance(fix, TurnIntoObjections) else without_source(stage.id)
        marked = session.scalar(select(func.count()).select_from(Deal).where(*which)) or 0
    return replace(
        plain,
        stages_after=tuple(one.name for one in plain.pipeline.open_stages if one != stage),
        open_deals=open_deal_count(session, stage.id),
        target=target.name,
        marked_deals=marked,
    )
