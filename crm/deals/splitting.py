"""Taking stages out of a pipeline into one of their own: the deals on them and every stay go along, nothing is lost."""

from __future__ import annotations

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.clock import utc_now
from crm.deals.mass_events import record_for_deals
from crm.errors import Violation, refuse_if_any
from crm.events import record
from crm.models import Deal, DealStatus, PipelineLink, Stage, StageTransition, StageVisit
from crm.pipelines.commands import create_pipeline, take_pipeline
from crm.pipelines.fields import ReasonPlan, add_loss_reason
from crm.pipelines.reads import load_pipeline
from crm.pipelines.stage_plans import StagePlan
from crm.pipelines.values import PipelineInfo


def split_pipeline(
    session: Session, actor: Actor, *, pipeline_id: int, expected_version: int, stage_ids: tuple[int, ...], name: str
) -> int:
    """Make a pipeline of some of the open stages, with the open deals on them; return its id.

    Closed deals stay where they ended. The new pipeline gets the ends' names and the reasons of loss of the old one.
    Errors: Forbidden; NotFound; ChangedMeanwhile; InvalidInput: no stage would stay, or a bad name.
    """
    row = take_pipeline(session, actor, pipeline_id, expected_version)
    pipeline = load_pipeline(session, pipeline_id)
    going = [stage for stage in pipeline.open_stages if stage.id in stage_ids]
    if len(going) != len(set(stage_ids)) or not going or len(going) == len(pipeline.open_stages):
        refuse_if_any([Violation("stage_last_open", "stages")])
    made_id = create_pipeline(
        session, actor, name=name, stages=[StagePlan.of(stage) for stage in going],
        won_name=pipeline.won_stage.name, lost_name=pipeline.lost_stage.name,
    )  # fmt: skip
    made = load_pipeline(session, made_id)
    _copy_reasons(session, actor, pipeline, made_id)
    count = _swap_stages(session, actor, pipeline, made, stage_ids)
    record(
        session, actor, "pipeline.split", "pipeline", pipeline_id, name=row.name, into=made.name, deals=count,
        stages=[stage.name for stage in going],
    )  # fmt: skip
    return made_id


def _copy_reasons(session: Session, actor: Actor, pipeline: PipelineInfo, made_id: int) -> None:
    for reason in pipeline.active_reasons():
        if reason.pipeline_id is not None:
            plan = ReasonPlan(reason.name, reason.note_required, reason.counts_as_loss)
            add_loss_reason(session, actor, pipeline_id=made_id, plan=plan)


def _swap_stages(
    session: Session, actor: Actor, pipeline: PipelineInfo, made: PipelineInfo, stage_ids: tuple[int, ...]
) -> int:
    """Put the stages themselves, with everything that refers to them, in the place of their copies."""
    session.execute(delete(Stage).where(Stage.id.in_([stage.id for stage in made.open_stages])))
    positions = {stage.id: at for at, stage in enumerate(one for one in pipeline.open_stages if one.id in stage_ids)}
    for stage_id, position in positions.items():
        moved = update(Stage).where(Stage.id == stage_id).values(pipeline_id=made.id, position=position)
        session.execute(moved.execution_options(synchronize_session=False))
    across = StageTransition.from_stage_id.in_(stage_ids) != StageTransition.to_stage_id.in_(stage_ids)
    session.execute(delete(StageTransition).where(across).execution_options(synchronize_session=False))
    for stage, whole in (
        (PipelineLink.from_stage_id, PipelineLink.from_pipeline_id),
        (PipelineLink.to_stage_id, PipelineLink.to_pipeline_id),
    ):
        going = update(PipelineLink).where(stage.in_(stage_ids)).values({whole: made.id})
        session.execute(going.execution_options(synchronize_session=False))
    which = (Deal.stage_id.in_(stage_ids), Deal.status == DealStatus.OPEN)
    count = session.scalar(select(func.count()).select_from(Deal).where(*which)) or 0
    details = {"pipeline": pipeline.name, "into": made.name}
    record_for_deals(session, actor, "deal.pipeline_split", details, which, utc_now())
    for statement in (
        update(StageVisit).where(StageVisit.stage_id.in_(stage_ids)).values(pipeline_id=made.id),
        update(Deal).where(*which).values(pipeline_id=made.id, version=Deal.version + 1),
    ):
        session.execute(statement.execution_options(synchronize_session=False))
    session.expire_all()
    left = [stage.id for stage in pipeline.open_stages if stage.id not in stage_ids]
    for position, stage_id in enumerate(left):
        session.get_one(Stage, stage_id).position = position
    session.flush()
    return count
