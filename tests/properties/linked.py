"""Links between the department's pipelines, and what must hold of the deals they make."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.auth.actors import system_actor
from crm.deals.due_links import due_run_ids, perform_run
from crm.models import Deal, LinkKind, LinkRun, LinkRunStatus, LinkTrigger, StageVisit
from crm.pipelines.link_values import ConditionOp, LinkCondition, LinkPlan
from crm.pipelines.links import create_link, list_links
from tests.factories import PipelineRows

HOUR = 3600


def link_pipelines(session: Session, first: PipelineRows, second: PipelineRows) -> None:
    """Link two pipelines by wins, losses and a stage, at once and later, with loops that have brakes."""
    worth = (LinkCondition("amount", ConditionOp.AT_LEAST, 1),)
    for plan in (
        LinkPlan(first.id, LinkTrigger.WON, second.id),
        LinkPlan(first.id, LinkTrigger.LOST, first.id, LinkKind.REFUSAL_WORK, cooldown_seconds=HOUR, max_rounds=3),
        LinkPlan(second.id, LinkTrigger.WON, first.id, LinkKind.RETURN, max_rounds=4),
        LinkPlan(second.id, LinkTrigger.STAGE, first.id, from_stage_id=second.stages[1], max_rounds=2,
                 conditions=worth, skip_if_open=True),
        LinkPlan(second.id, LinkTrigger.LOST, first.id, delay_seconds=HOUR, max_rounds=1),
    ):  # fmt: skip
        create_link(session, system_actor(), plan=plan)


def do_due_links(session: Session, now: datetime) -> int:
    """Do the firings whose hour has come; return how many there were."""
    ids = due_run_ids(session, system_actor(), now=now, limit=100)
    return sum(perform_run(session, system_actor(), run_id=one, now=now) for one in ids)


def link_outcomes(session: Session) -> Counter[str]:
    """Return how often links did what."""
    statuses = session.execute(select(LinkRun.status, LinkRun.reason)).all()
    return Counter(f"link {status.value}{f': {reason}' if reason else ''}" for status, reason in statuses)


def check_links(session: Session) -> None:
    """Fail unless every deal of a link came of one firing for one stay, and both deals have their own history."""
    links = {link.id: link.plan for link in list_links(session)}
    deals = {deal.id: deal for deal in session.scalars(select(Deal))}
    stays = {visit.id: visit for visit in session.scalars(select(StageVisit))}
    begun = {visit.deal_id: visit for visit in sorted(stays.values(), key=lambda one: -one.id)}
    runs = session.scalars(select(LinkRun).execution_options(populate_existing=True)).all()
    fired = Counter((run.link_id, run.deal_id, run.visit_id) for run in runs)
    assert max(fired.values(), default=1) == 1
    made = [run for run in runs if run.status is LinkRunStatus.CREATED]
    assert sorted(run.child_deal_id or 0 for run in made) == sorted(
        deal.id for deal in deals.values() if deal.origin_link_id is not None
    )
    for run in runs:
        plan, source = links[run.link_id], deals[run.deal_id]
        assert stays[run.visit_id].deal_id == source.id
        assert source.pipeline_id == plan.from_pipeline_id
        assert (run.status is LinkRunStatus.WAITING) == (run.done_at is None)
        if run.status is LinkRunStatus.WAITING:
            assert run.due_at > run.created_at
        child = deals.get(run.child_deal_id or 0)
        if child is None:
            continue
        assert child.id != source.id
        assert child.pipeline_id == plan.to_pipeline_id
        if run.status is LinkRunStatus.CREATED:
            assert (child.origin_deal_id, child.origin_link_id) == (source.id, run.link_id)
            assert child.round <= (plan.max_rounds or child.round)
            assert (begun[child.id].entered_at, begun[child.id].is_first) == (child.created_at, True)
            assert (child.return_source is not None) == (plan.kind is LinkKind.RETURN)
