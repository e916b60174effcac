"""Designing pipelines: the pipeline itself, its stages and their order."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.permissions import Action, require
from crm.clock import utc_now
from crm.errors import ChangedMeanwhile, NotFound, Violation, refuse_if_any
from crm.events import record
from crm.i18n import _
from crm.models import Deal, DealStatus, Pipeline, Role, Stage, StageKind
from crm.pipelines.reads import load_pipeline
from crm.pipelines.retrace_requests import request_retrace
from crm.pipelines.stage_plans import (
    CRITERION_LIMIT,
    STAGE_NAME_LIMIT,
    StagePlan,
    described,
    insert_stage,
    stage_violations,
    write_plan,
)
from crm.pipelines.unique_names import save_named
from crm.pipelines.values import PipelineInfo, StageInfo
from crm.typed_text import clean_line, line_violations

PIPELINE_NAME_LIMIT = 200


def create_pipeline(
    session: Session,
    actor: Actor,
    *,
    name: str,
    stages: Sequence[StagePlan],
    won_name: str = "",
    lost_name: str = "",
) -> int:
    """Create a pipeline with its open stages in order and its two ends; return its id.

    Errors: Forbidden; InvalidInput.
    """
    require(actor, Action.DESIGN_PIPELINES)
    found = _pipeline_name_violations(session, name, None)
    found += [problem for stage in stages for problem in stage_violations(session, stage)]
    for end_name, field in ((won_name, "won_name"), (lost_name, "lost_name")):
        found += line_violations(end_name, field, STAGE_NAME_LIMIT)
    if not stages:
        found.append(Violation("stage_last_open", "stages"))
    refuse_if_any(found)
    last = session.scalar(select(func.max(Pipeline.position))) or 0
    roles = [role.value for role in Role]
    pipeline = Pipeline(name=clean_line(name), position=last + 1, created_at=utc_now(), creation_roles=roles)
    save_named(session, pipeline)
    for position, plan in enumerate(stages):
        insert_stage(session, pipeline.id, StageKind.OPEN, position, plan)
    for offset, (kind, end_name) in enumerate(
        ((StageKind.WON, clean_line(won_name) or _("Won")), (StageKind.LOST, clean_line(lost_name) or _("Lost")))
    ):
        insert_stage(session, pipeline.id, kind, len(stages) + offset, StagePlan(end_name))
    record(
        session,
        actor,
        "pipeline.created",
        "pipeline",
        pipeline.id,
        name=pipeline.name,
        stages=[clean_line(stage.name) for stage in stages],
    )
    return pipeline.id


def edit_pipeline(
    session: Session, actor: Actor, *, pipeline_id: int, expected_version: int, name: str, is_archived: bool
) -> None:
    """Rename a pipeline, put it away or take it back; its deals and history stay.

    Errors: Forbidden; NotFound; ChangedMeanwhile; InvalidInput.
    """
    pipeline = lock_pipeline(session, actor, pipeline_id, expected_version)
    refuse_if_any(_pipeline_name_violations(session, name, pipeline_id))
    before = {"name": pipeline.name, "is_archived": pipeline.is_archived}
    pipeline.name, pipeline.is_archived = clean_line(name), is_archived
    after = {"name": pipeline.name, "is_archived": is_archived}
    changed = {key: [before[key], after[key]] for key in before if before[key] != after[key]}
    if changed:
        pipeline.version += 1
        save_named(session, pipeline)
        record(session, actor, "pipeline.edited", "pipeline", pipeline_id, name=pipeline.name, changes=changed)


def add_stage(session: Session, actor: Actor, *, pipeline_id: int, expected_version: int, plan: StagePlan) -> int:
    """Add an open stage at the end of the working ones; return its id.

    Errors: Forbidden; NotFound; ChangedMeanwhile; InvalidInput.
    """
    pipeline = take_pipeline(session, actor, pipeline_id, expected_version)
    refuse_if_any(stage_violations(session, plan))
    info = load_pipeline(session, pipeline_id)
    stage = insert_stage(session, pipeline_id, StageKind.OPEN, len(info.stages), plan)
    stage.added_at = utc_now()
    _renumber(session, [*(one.id for one in info.open_stages), stage.id], info)
    request_retrace(session, actor, pipeline_id)
    record(session, actor, "stage.created", "stage", stage.id, pipeline=pipeline.name, name=stage.name)
    return stage.id


def edit_stage(session: Session, actor: Actor, *, stage_id: int, expected_version: int, plan: StagePlan) -> None:
    """Make a stage what the plan says; its rules count from the next move of a deal on.

    Errors: Forbidden; NotFound; ChangedMeanwhile (the version is the pipeline's); InvalidInput.
    """
    require(actor, Action.DESIGN_PIPELINES)
    stage = session.get(Stage, stage_id)
    if stage is None:
        raise NotFound(entity="stage", id=stage_id)
    pipeline = lock_pipeline(session, actor, stage.pipeline_id, expected_version)
    present = _stage_info(load_pipeline(session, pipeline.id), stage_id)
    refuse_if_any(stage_violations(session, plan, stage.kind, present))
    before = described(present)
    write_plan(session, stage, plan)
    after = described(_stage_info(load_pipeline(session, pipeline.id), stage_id))
    changed = {key: [before[key], after[key]] for key in before if before[key] != after[key]}
    if changed:
        pipeline.version += 1
        record(session, actor, "stage.edited", "stage", stage_id, pipeline=pipeline.name, name=stage.name,
               changes=changed)  # fmt: skip


def reorder_stages(
    session: Session, actor: Actor, *, pipeline_id: int, expected_version: int, stage_ids: Sequence[int]
) -> None:
    """Put the open stages in this order; the two ends stay behind them.

    Errors: Forbidden; NotFound; ChangedMeanwhile; InvalidInput unless every open stage is named once.
    """
    pipeline = lock_pipeline(session, actor, pipeline_id, expected_version)
    info = load_pipeline(session, pipeline_id)
    before = [stage.id for stage in info.open_stages]
    if sorted(stage_ids) != sorted(before):
        refuse_if_any([Violation("stage_order_incomplete", "stages")])
    if list(stage_ids) == before:
        return
    pipeline.version += 1
    _renumber(session, stage_ids, info)
    request_retrace(session, actor, pipeline_id)
    names = {stage.id: stage.name for stage in info.open_stages}
    order = [[names[one] for one in before], [names[one] for one in stage_ids]]
    record(session, actor, "pipeline.reordered", "pipeline", pipeline_id, name=pipeline.name,
           changes={"stages": order})  # fmt: skip


def open_deal_count(session: Session, stage_id: int) -> int:
    """Return how many open deals, of everybody, stand on a stage."""
    query = select(func.count()).where(Deal.stage_id == stage_id, Deal.status == DealStatus.OPEN)
    return session.scalar(query.select_from(Deal)) or 0


def lock_pipeline(session: Session, actor: Actor, pipeline_id: int, expected_version: int) -> Pipeline:
    """Return the locked row of a pipeline to be changed; who changes it raises its version.

    Errors: Forbidden; NotFound; ChangedMeanwhile.
    """
    require(actor, Action.DESIGN_PIPELINES)
    query = select(Pipeline).where(Pipeline.id == pipeline_id).with_for_update()
    pipeline = session.scalars(query.execution_options(populate_existing=True)).one_or_none()
    if pipeline is None:
        raise NotFound(entity="pipeline", id=pipeline_id)
    if pipeline.version != expected_version:
        raise ChangedMeanwhile(entity="pipeline", id=pipeline_id)
    return pipeline


def take_pipeline(session: Session, actor: Actor, pipeline_id: int, expected_version: int) -> Pipeline:
    """Return the locked row of a pipeline that is certain to change, its version raised.

    Errors: Forbidden; NotFound; ChangedMeanwhile.
    """
    pipeline = lock_pipeline(session, actor, pipeline_id, expected_version)
    pipeline.version += 1
    return pipeline


def renumber_open_stages(session: Session, info: PipelineInfo, without: int) -> None:
    """Close the gap that a retired stage leaves in the order."""
    _renumber(session, [stage.id for stage in info.open_stages if stage.id != without], info)


def _renumber(session: Session, open_ids: Sequence[int], info: PipelineInfo) -> None:
    ends = [info.won_stage.id, info.lost_stage.id]
    retired = [stage.id for stage in info.stages if stage.is_retired]
    order = [*open_ids, *ends, *(one for one in retired if one not in open_ids)]
    for stage in session.scalars(select(Stage).where(Stage.pipeline_id == info.id)):
        stage.position = order.index(stage.id) if stage.id in order else len(order)
    session.flush()


def _pipeline_name_violations(session: Session, name: str, pipeline_id: int | None) -> list[Violation]:
    found = line_violations(name, "name", PIPELINE_NAME_LIMIT, required=True)
    taken = exists().where(Pipeline.name == clean_line(name), Pipeline.id != (pipeline_id or 0))
    if not found and session.scalar(select(taken)):
        found.append(Violation("name_taken", "name"))
    return found


def _stage_info(info: PipelineInfo, stage_id: int) -> StageInfo:
    return next(stage for stage in info.stages if stage.id == stage_id)


__all__ = [
    "CRITERION_LIMIT",
    "PIPELINE_NAME_LIMIT",
    "STAGE_NAME_LIMIT",
    "StagePlan",
    "add_stage",
    "create_pipeline",
    "edit_pipeline",
    "edit_stage",
    "lock_pipeline",
    "open_deal_count",
    "renumber_open_stages",
    "reorder_stages",
    "stage_violations",
    "take_pipeline",
]
