"""The same next step on many deals at once, each for its own owner: what a list of neglected deals needs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.permissions import Action, require
from crm.clock import utc_now
from crm.deals.locking import lock_deal
from crm.deals.next_steps import add_step, plan_violations, refresh_next_due
from crm.deals.values import StepPlan
from crm.errors import NotFound, Violation, refuse_if_any
from crm.models import DealStatus, NextStep
from crm.typed_text import clean_line

MOST_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class StepsPlanned:
    """Which deals got the step; the others were closed or gone meanwhile, or have the same one open already."""

    deal_ids: tuple[int, ...]
    left_out: int


def plan_steps(session: Session, actor: Actor, *, deal_ids: Iterable[int], plan: StepPlan) -> StepsPlanned:
    """Add a step to each open deal that has none of the same words open; it belongs to the deal's owner.

    Errors: Forbidden; InvalidInput (step in the past, too far, somebody's of one's own, too many deals).
    """
    require(actor, Action.WORK_DEALS)
    wanted = sorted(set(deal_ids))
    now = utc_now()
    found = plan_violations(session, plan, now, None)
    if plan.owner_id is not None:
        found.append(Violation("choice_unknown", "next_step_owner"))
    if len(wanted) > MOST_AT_ONCE:
        found.append(Violation("number_between", "deals", {"low": 1, "high": MOST_AT_ONCE}))
    refuse_if_any(found)
    planned = []
    for deal_id in wanted:  # in the order of ids: two who plan at once don't wait for each other in a ring
        try:
            deal = lock_deal(session, actor, deal_id)
        except NotFound:
            continue
        if deal.status is DealStatus.OPEN and not _has_the_same(session, deal_id, plan):
            add_step(session, actor, deal, plan, now)
            refresh_next_due(session, deal)
            planned.append(deal_id)
    return StepsPlanned(tuple(planned), len(wanted) - len(planned))


def _has_the_same(session: Session, deal_id: int, plan: StepPlan) -> bool:
    same = exists().where(
        NextStep.deal_id == deal_id, NextStep.done_at.is_(None), NextStep.kind == plan.kind,
        NextStep.text == clean_line(plan.text), NextStep.due_at >= utc_now(),
    )  # fmt: skip
    return bool(session.scalar(select(same)))
