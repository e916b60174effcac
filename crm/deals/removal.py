"""Taking deals out, by administrators only and with a reason, and putting them back."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.permissions import Action, require
from crm.auth.visibility import owner_visible
from crm.clock import utc_now
from crm.contacts.search_index import forget_records, index_records
from crm.deals.locking import hold_pipeline, take_deal
from crm.deals.next_steps import add_step, cancel_open_steps, plan_violations, refresh_next_due
from crm.deals.overrides import reason_violations
from crm.deals.paths import retrace_deals
from crm.deals.values import StepPlan
from crm.deals.visits import close_visit, open_visit
from crm.errors import NotFound, Violation, refuse_if_any
from crm.events import record
from crm.models import Deal, DealContact, DealRemoval, DealStatus, StageKind, StageVisit, VisitOutcome
from crm.pipelines.reads import load_pipeline
from crm.pipelines.stage_rules.step_kind import kind_violations
from crm.pipelines.values import PipelineInfo, StageInfo
from crm.typed_text import clean_block

_STATUS = {StageKind.OPEN: DealStatus.OPEN, StageKind.WON: DealStatus.WON, StageKind.LOST: DealStatus.LOST}


def remove_deal(session: Session, actor: Actor, *, deal_id: int, expected_version: int, reason: str) -> None:
    """Take a deal out of every list, board and search; its history stays and it may come back.

    Errors: Forbidden; NotFound; DealMovedMeanwhile; InvalidInput without a reason that others can read.
    """
    require(actor, Action.REMOVE_DEALS)
    deal = take_deal(session, actor, deal_id, expected_version)
    refuse_if_any(reason_violations(reason, "reason"))
    now = utc_now()
    if deal.status is DealStatus.OPEN:
        close_visit(session, deal, now, VisitOutcome.REMOVED)
        cancel_open_steps(session, actor, deal, now)
    deal.status = DealStatus.REMOVED
    session.add(DealRemoval(deal_id=deal.id, reason=clean_block(reason), actor_id=actor.user_id, at=now))
    session.flush()
    retrace_deals(session, [deal.id])
    forget_records(session, "deal", [deal.id])
    _index_clients(session, deal)
    record(session, actor, "deal.removed", "deal", deal.id, at=now, title=deal.title, reason=clean_block(reason))


def restore_deal(
    session: Session, actor: Actor, *, deal_id: int, step: StepPlan | None = None, stage_id: int | None = None
) -> None:
    """Put a removed deal back where it was; an open one with a next step, on `stage_id` if its stage is retired.

    An open one doesn't come back into the archive.
    Errors: Forbidden; NotFound; InvalidInput.
    """
    require(actor, Action.REMOVE_DEALS)
    deal = _take_removed(session, actor, deal_id)
    pipeline = load_pipeline(session, deal.pipeline_id)
    stage = pipeline.stage(deal.stage_id)
    if stage is None:
        raise LookupError(f"deal {deal_id} stands outside its pipeline")
    now = utc_now()
    found = []
    if stage.kind is StageKind.OPEN:
        target = stage if stage_id is None else pipeline.stage(stage_id)
        found += _archive_violations(pipeline) + _place_violations(stage, target)
        stage = target or stage
        found += _step_violations(session, deal, stage, step, now)
    elif step is not None:
        found.append(Violation("next_step_after_end", "next_step"))
    refuse_if_any(found)
    deal.status = _STATUS[stage.kind]
    if stage.kind is StageKind.OPEN:
        _stand(session, actor, deal, stage, step, now)
    removal = session.scalars(select(DealRemoval).filter_by(deal_id=deal.id, restored_at=None)).one()
    removal.restored_at, removal.restored_by = now, actor.user_id
    deal.version += 1
    retrace_deals(session, [deal.id])
    index_records(session, "deal", [deal.id])
    _index_clients(session, deal)
    record(session, actor, "deal.returned", "deal", deal.id, at=now, title=deal.title, stage=stage.name)


def _take_removed(session: Session, actor: Actor, deal_id: int) -> Deal:
    here = (Deal.id == deal_id, Deal.status == DealStatus.REMOVED, owner_visible(actor, Deal.owner_id))
    pipeline_id = session.scalar(select(Deal.pipeline_id).where(*here))
    if pipeline_id is None:
        raise NotFound(entity="deal", id=deal_id)
    hold_pipeline(session, pipeline_id)
    query = select(Deal).where(*here).with_for_update().execution_options(populate_existing=True)
    deal = session.scalars(query).one_or_none()
    if deal is None:  # somebody put it back while the pipeline was waited for
        raise NotFound(entity="deal", id=deal_id)
    return deal


def _archive_violations(pipeline: PipelineInfo) -> list[Violation]:
    return [Violation("pipeline_archived", "stage")] if pipeline.is_archived else []


def _place_violations(stage: StageInfo, target: StageInfo | None) -> list[Violation]:
    if target is None:
        return [Violation("stage_of_other_pipeline", "stage")]
    if target.is_retired:
        return [Violation("stage_retired", "stage")]
    # Coming back is no move: only a stage that is no more is left for another one.
    wrong = target.kind is not StageKind.OPEN or (target.id != stage.id and not stage.is_retired)
    return [Violation("stage_target_invalid", "stage")] if wrong else []


def _step_violations(
    session: Session, deal: Deal, stage: StageInfo, step: StepPlan | None, now: datetime
) -> list[Violation]:
    if step is None:
        return [Violation("next_step_missing", "next_step")]
    return plan_violations(session, step, now, deal.owner_id) + kind_violations(stage, [step.kind])


def _stand(session: Session, actor: Actor, deal: Deal, stage: StageInfo, step: StepPlan | None, now: datetime) -> None:
    last = select(StageVisit.left_at).where(StageVisit.deal_id == deal.id, StageVisit.left_at.is_not(None))
    left_at = session.scalar(last.order_by(StageVisit.left_at.desc()).limit(1))
    deal.stage_id, deal.stage_entered_at = stage.id, max(now, left_at or now)
    open_visit(session, actor, deal, deal.stage_entered_at)
    if step is not None:
        add_step(session, actor, deal, step, now)
    refresh_next_due(session, deal)


def _index_clients(session: Session, deal: Deal) -> None:
    # Their entries bear the marks of the owners of deals that are in use.
    parts = session.scalars(select(DealContact.contact_id).where(DealContact.deal_id == deal.id))
    index_records(session, "contact", parts.all())
    if deal.company_id is not None:
        index_records(session, "company", [deal.company_id])
