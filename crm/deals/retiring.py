"""Taking a stage out of use: its open deals go to another stage, history and reports stay whole."""

from __future__ import annotations

from sqlalchemy import BigInteger, exists, insert, literal, select, true, update
from sqlalchemy.orm import Session, aliased

from crm.actor import Actor
from crm.auth.permissions import Action, require
from crm.clock import utc_now
from crm.deals.mass_events import end_of_visit, end_open_visits, record_for_deals
from crm.deals.retracing import retrace_after_redesign
from crm.errors import NotFound, Violation, refuse_if_any
from crm.events import record
from crm.models import Deal, DealStatus, Stage, StageVisit, VisitOutcome
from crm.pipelines.commands import open_deal_count, renumber_open_stages, take_pipeline
from crm.pipelines.reads import load_pipeline
from crm.pipelines.values import StageInfo


def retire_stage(
    session: Session, actor: Actor, *, stage_id: int, expected_version: int, target_stage_id: int | None
) -> int:
    """Retire an open stage and send its open deals to the target; return how many went.

    Visits of the past keep the retired stage. The version is the pipeline's.
    Errors: Forbidden; NotFound; ChangedMeanwhile; InvalidInput: the last open stage, or deals without a good target.
    """
    require(actor, Action.DESIGN_PIPELINES)
    row = session.get(Stage, stage_id)
    if row is None:
        raise NotFound(entity="stage", id=stage_id)
    pipeline_row = take_pipeline(session, actor, row.pipeline_id, expected_version)
    pipeline = load_pipeline(session, row.pipeline_id)
    stage = next((one for one in pipeline.open_stages if one.id == stage_id), None)
    count = open_deal_count(session, stage_id)
    target = next((one for one in pipeline.open_stages if one.id == target_stage_id and one.id != stage_id), None)
    found = []
    if row.retired_at is not None:
        found.append(Violation("stage_retired", "stage"))
    elif stage is None or len(pipeline.open_stages) == 1:
        found.append(Violation("stage_last_open", "stage"))
    if target_stage_id is not None and target is None:
        found.append(Violation("stage_target_invalid", "target"))
    if count and target_stage_id is None:
        found.append(Violation("stage_has_deals", "target", {"count": count}))
    refuse_if_any(found)
    if stage is not None and target is not None and count:
        _send_deals(session, actor, stage, target)
    row.retired_at = utc_now()
    renumber_open_stages(session, pipeline, without=stage_id)
    retrace_after_redesign(session, actor, pipeline.id)
    record(
        session, actor, "stage.retired", "stage", stage_id, pipeline=pipeline_row.name, name=row.name, deals=count,
        target=target.name if target else None,
    )  # fmt: skip
    return count


def _send_deals(session: Session, actor: Actor, stage: StageInfo, target: StageInfo) -> None:
    # Set-wise: a stage may hold a hundred thousand deals.
    now = utc_now()
    outcome = VisitOutcome.FORWARD if target.position > stage.position else VisitOutcome.BACK
    here = (Deal.stage_id == stage.id, Deal.status == DealStatus.OPEN)
    details = {"from_stage": stage.name, "to_stage": target.name}
    record_for_deals(session, actor, "deal.stage_retired", details, here, now)
    # The deals go first, while each still has the stay that tells when it ends; nothing is looked up deal by deal.
    session.execute(
        update(Deal)
        .where(*here, StageVisit.deal_id == Deal.id, StageVisit.left_at.is_(None))
        .values(stage_id=target.id, stage_entered_at=end_of_visit(now), version=Deal.version + 1)
        .execution_options(synchronize_session=False)
    )
    end_open_visits(session, stage.id, target.id, outcome, now)
    _open_visits(session, actor, target)
    session.expire_all()


def _open_visits(session: Session, actor: Actor, target: StageInfo) -> None:
    visit = aliased(StageVisit)
    staying = exists().where(visit.deal_id == Deal.id, visit.left_at.is_(None))
    been_there = Deal.id.in_(select(visit.deal_id).where(visit.stage_id == target.id))
    session.execute(
        insert(StageVisit).from_select(
            [
                "deal_id", "pipeline_id", "stage_id", "owner_id", "entered_at", "outcome", "is_first", "channel",
                "actor_id", "stay_entered_at", "owner_known",
            ],
            select(
                Deal.id, Deal.pipeline_id, Deal.stage_id, Deal.owner_id, Deal.stage_entered_at,
                literal(VisitOutcome.OPEN.value), ~been_there, literal(actor.channel.value),
                literal(actor.user_id, BigInteger()), Deal.stage_entered_at, true(),
            ).where(Deal.stage_id == target.id, Deal.status == DealStatus.OPEN, ~staying),
        )
    )  # fmt: skip
