"""Firings of links: what is to come of a deal, put off or called off; the last ones of each link."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session, aliased

from crm.actor import Actor
from crm.auth.permissions import Action, require
from crm.auth.visibility import deal_visible, firing_visible
from crm.clock import utc_now
from crm.deals.auto_deals import rested_at, skip_run
from crm.deals.locking import lock_deal
from crm.errors import NotFound, Violation, refuse_if_any
from crm.events import record
from crm.models import Deal, DealStatus, LinkKind, LinkRun, LinkRunStatus, PipelineLink
from crm.models import Pipeline as PipelineRow
from crm.pipelines.link_values import LinkInfo
from crm.pipelines.links import load_link

FARTHEST = timedelta(days=5 * 366)


@dataclass(frozen=True, slots=True)
class WaitingRun:
    """A new deal that is to come of a deal: which, where, when."""

    id: int
    kind: LinkKind
    pipeline: str
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Firing:
    """One firing of a link; `reason` is why it was skipped."""

    id: int
    status: LinkRunStatus
    at: datetime
    due_at: datetime
    deal_id: int
    deal_title: str
    child_id: int | None
    child_title: str | None
    reason: str | None


def waiting_runs(session: Session, actor: Actor, deal_id: int) -> list[WaitingRun]:
    """Return what is to come of a deal by links, the nearest first; nothing for a hidden deal."""
    query = (
        select(LinkRun.id, PipelineLink.kind, PipelineRow.name, LinkRun.due_at)
        .join(PipelineLink, PipelineLink.id == LinkRun.link_id)
        .join(PipelineRow, PipelineRow.id == PipelineLink.to_pipeline_id)
        .join(Deal, Deal.id == LinkRun.deal_id)
        .where(LinkRun.deal_id == deal_id, LinkRun.status == LinkRunStatus.WAITING, deal_visible(actor))
        .order_by(LinkRun.due_at, LinkRun.id)
    )
    return [WaitingRun(*row) for row in session.execute(query)]


def postpone_link_run(session: Session, actor: Actor, *, run_id: int, due_at: datetime) -> None:
    """Give a waiting return another day in the future.

    Errors: NotFound; InvalidInput: done already, or a day in the past, too far, or before the client's pause is over.
    """
    require(actor, Action.WORK_DEALS)
    run, link = _take(session, actor, run_id)
    now = utc_now()
    refuse_if_any(_not_waiting(run) or _due_violations(session, link, run, due_at, now))
    before, run.due_at = run.due_at, due_at
    record(
        session, actor, "deal.link_postponed", "deal", run.deal_id, at=now, link_id=link.id, pipeline=link.to_pipeline,
        before=int(before.timestamp()), after=int(due_at.timestamp()),
    )  # fmt: skip
    session.flush()


def cancel_link_run(session: Session, actor: Actor, *, run_id: int) -> None:
    """Call a waiting return off.

    Errors: NotFound; InvalidInput: done already.
    """
    require(actor, Action.WORK_DEALS)
    run, link = _take(session, actor, run_id)
    refuse_if_any(_not_waiting(run))
    skip_run(session, actor, link, run, "cancelled", utc_now())
    session.flush()


def last_firings(session: Session, actor: Actor, link_id: int, *, limit: int = 20) -> list[Firing]:
    """Return the newest firings of a link, without those of removed deals.

    Errors: Forbidden.
    """
    require(actor, Action.DESIGN_PIPELINES)
    child = aliased(Deal)
    query = (
        select(
            LinkRun.id, LinkRun.status, func.coalesce(LinkRun.done_at, LinkRun.created_at, type_=LinkRun.due_at.type),
            LinkRun.due_at, Deal.id, Deal.title, child.id, child.title, LinkRun.reason,
        )
        .join(Deal, Deal.id == LinkRun.deal_id)
        .outerjoin(child, and_(child.id == LinkRun.child_deal_id, child.status < DealStatus.REMOVED))
        .where(LinkRun.link_id == link_id, deal_visible(actor))
        .order_by(LinkRun.id.desc())
        .limit(limit)
    )  # fmt: skip
    return [Firing(*row) for row in session.execute(query)]


def firing_counts(session: Session, actor: Actor) -> dict[int, dict[LinkRunStatus, int]]:
    """Return how often each link fired, by what came of it, without removed deals.

    Errors: Forbidden.
    """
    require(actor, Action.DESIGN_PIPELINES)
    counts: dict[int, dict[LinkRunStatus, int]] = {}
    query = select(LinkRun.link_id, LinkRun.status, func.count()).where(firing_visible(actor))
    for link_id, status, count in session.execute(query.group_by(LinkRun.link_id, LinkRun.status)):
        counts.setdefault(link_id, {})[status] = count
    return counts


def _take(session: Session, actor: Actor, run_id: int) -> tuple[LinkRun, LinkInfo]:
    query = select(LinkRun.deal_id).join(Deal, Deal.id == LinkRun.deal_id)
    deal_id = session.scalar(query.where(LinkRun.id == run_id, deal_visible(actor)))
    if deal_id is None:
        raise NotFound(entity="link_run", id=run_id)
    lock_deal(session, actor, deal_id)
    run = session.get_one(LinkRun, run_id, populate_existing=True, with_for_update=True)
    return run, load_link(session, run.link_id)


def _due_violations(session: Session, link: LinkInfo, run: LinkRun, due_at: datetime, now: datetime) -> list[Violation]:
    if not now < due_at <= now + FARTHEST:
        return [Violation("link_due_invalid", "due_at")]
    rested = rested_at(session, link, session.get_one(Deal, run.deal_id), now)
    if due_at >= rested:
        return []
    return [Violation("link_due_in_pause", "due_at", {"rests_until": int(rested.timestamp())})]


def _not_waiting(run: LinkRun) -> list[Violation]:
    return [] if run.status is LinkRunStatus.WAITING else [Violation("link_run_done", "due_at")]
