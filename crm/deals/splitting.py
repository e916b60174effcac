"""Taking stages out of a pipeline into one of their own: the deals on them and every stay go along, nothing is lost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.permissions import Action, require
from crm.clock import utc_now
from crm.deals.mass_events import record_for_deals
from crm.deals.retracing import retrace_after_redesign
from crm.errors import Violation, refuse_if_any
from crm.events import record
from crm.models import Deal, DealStatus, LinkTrigger, Pipeline, PipelineLink, Stage, StageTransition, StageVisit
from crm.pipelines.commands import create_pipeline, take_pipeline
from crm.pipelines.fields import ReasonPlan, add_loss_reason
from crm.pipelines.links import hold_every_pipeline, load_link
from crm.pipelines.reads import load_pipeline
from crm.pipelines.stage_plans import StagePlan
from crm.pipelines.values import PipelineInfo

# What a pipeline says of itself; a split loosens nothing.
_POLICY = ("forward_only", "no_skipping", "stands_alone", "creation_roles", "lint_limits")
_NOT_COPIED = frozenset({"id", "from_pipeline_id", "created_at", "version"})  # of a link


def split_pipeline(
    session: Session, actor: Actor, *, pipeline_id: int, expected_version: int, stage_ids: tuple[int, ...], name: str
) -> int:
    """Make a pipeline of some of the open stages, with the open deals on them; return its id.

    Closed deals stay where they ended. The new pipeline gets the rules of the old one, the names of its ends, its
    reasons of loss and its links of won and lost deals.
    Errors: Forbidden; NotFound; ChangedMeanwhile; InvalidInput: no stage would stay, or a bad name.
    """
    require(actor, Action.DESIGN_PIPELINES)
    hold_every_pipeline(session)  # links of others are led elsewhere, and copied
    row = take_pipeline(session, actor, pipeline_id, expected_version)
    pipeline = load_pipeline(session, pipeline_id)
    going = [stage for stage in pipeline.open_stages if stage.id in stage_ids]
    if len(going) != len(set(stage_ids)) or not going or len(going) == len(pipeline.open_stages):
        refuse_if_any([Violation("stage_last_open", "stages")])
    made_id = create_pipeline(
        session, actor, name=name, stages=[StagePlan.of(stage) for stage in going],
        won_name=pipeline.won_stage.name, lost_name=pipeline.lost_stage.name,
    )  # fmt: skip
    new = session.get_one(Pipeline, made_id)
    for column in _POLICY:
        setattr(new, column, getattr(row, column))
    made = load_pipeline(session, made_id)
    reasons = _copy_reasons(session, actor, pipeline, made_id)
    count = _swap_stages(session, actor, pipeline, made, stage_ids)
    _copy_links(session, actor, pipeline, made_id, reasons)
    retrace_after_redesign(session, actor, pipeline.id, made_id)
    record(
        session, actor, "pipeline.split", "pipeline", pipeline_id, name=row.name, into=made.name, deals=count,
        stages=[stage.name for stage in going],
    )  # fmt: skip
    return made_id


def _copy_reasons(session: Session, actor: Actor, pipeline: PipelineInfo, made_id: int) -> dict[int, int]:
    """Give the new pipeline the reasons of the old one; return the new id of each."""
    return {
        reason.id: add_loss_reason(
            session, actor, pipeline_id=made_id,
            plan=ReasonPlan(reason.name, reason.note_required, reason.counts_as_loss),
        )
        for reason in pipeline.active_reasons()
        if reason.pipeline_id is not None
    }  # fmt: skip


def _copy_links(
    session: Session, actor: Actor, pipeline: PipelineInfo, made_id: int, reasons: Mapping[int, int]
) -> None:
    # Each is as good as its original: deals that end here now lead to where they led before.
    ends = PipelineLink.trigger.in_([LinkTrigger.WON, LinkTrigger.LOST])
    query = select(PipelineLink).where(PipelineLink.from_pipeline_id == pipeline.id, ends, PipelineLink.is_active)
    for link in session.scalars(query.order_by(PipelineLink.id)).all():
        values = {
            column.key: getattr(link, column.key)
            for column in PipelineLink.__table__.columns
            if column.key not in _NOT_COPIED
        }
        values["conditions"] = [_condition_with(one, reasons) for one in link.conditions]
        copy = PipelineLink(from_pipeline_id=made_id, created_at=utc_now(), **values)
        session.add(copy)
        session.flush()
        told = load_link(session, copy.id)
        record(
            session, actor, "link.created", "link", copy.id, from_pipeline=told.from_pipeline,
            to_pipeline=told.to_pipeline,
        )  # fmt: skip


def _condition_with(condition: Mapping[str, Any], reasons: Mapping[int, int]) -> dict[str, Any]:
    value = condition.get("value")
    if condition["field"] == "loss_reason" and isinstance(value, list):
        return {**condition, "value": [reasons.get(one, one) for one in value]}
    return dict(condition)


def _swap_stages(
    session: Session, actor: Actor, pipeline: PipelineInfo, made: PipelineInfo, stage_ids: tuple[int, ...]
) -> int:
    """Put the stages themselves, with everything that refers to them, in the place of their copies."""
    session.execute(delete(Stage).where(Stage.id.in_([stage.id for stage in made.open_stages])))
    positions = {stage.id: at for at, stage in enumerate(one for one in pipeline.open_stages if one.id in stage_ids)}
    for stage_id, position in positions.items():
        moved = update(Stage).where(Stage.id == stage_id).values(pipeline_id=made.id, position=position)
        session.execute(moved.execution_options(synchronize_session=False))
    _part_transitions(session, pipeline, made, stage_ids)
    for stage, whole in (
        (PipelineLink.from_stage_id, PipelineLink.from_pipeline_id),
        (PipelineLink.to_stage_id, PipelineLink.to_pipeline_id),
    ):
        going = update(PipelineLink).where(stage.in_(stage_ids)).values({whole: made.id})
        session.execute(going.execution_options(synchronize_session=False))
    here = Deal.stage_id.in_(stage_ids)
    still_open = (here, Deal.status == DealStatus.OPEN)
    count = session.scalar(select(func.count()).select_from(Deal).where(*still_open)) or 0
    details = {"pipeline": pipeline.name, "into": made.name}
    record_for_deals(session, actor, "deal.pipeline_split", details, still_open, utc_now())
    for statement in (
        update(StageVisit).where(StageVisit.stage_id.in_(stage_ids)).values(pipeline_id=made.id),
        update(Deal).where(here).values(pipeline_id=made.id, version=Deal.version + 1),
    ):
        session.execute(statement.execution_options(synchronize_session=False))
    session.expire_all()
    left = [stage.id for stage in pipeline.open_stages if stage.id not in stage_ids]
    for position, stage_id in enumerate(left):
        session.get_one(Stage, stage_id).position = position
    session.flush()
    return count


def _part_transitions(session: Session, pipeline: PipelineInfo, made: PipelineInfo, stage_ids: tuple[int, ...]) -> None:
    """Lead exceptions for winning to the new end; those between stages that part mean nothing any more."""
    goes, arrives = StageTransition.from_stage_id.in_(stage_ids), StageTransition.to_stage_id.in_(stage_ids)
    won = StageTransition.to_stage_id == pipeline.won_stage.id
    parted = (goes != arrives, StageTransition.to_stage_id != made.won_stage.id)
    for statement in (
        update(StageTransition).where(goes, won).values(to_stage_id=made.won_stage.id),
        delete(StageTransition).where(*parted),
    ):
        session.execute(statement.execution_options(synchronize_session=False))
