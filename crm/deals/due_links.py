"""Doing the firings of links whose day has come: one transaction each, safe with several processes at it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import Select, func, select, update
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.permissions import Action, require
from crm.db import Database
from crm.deals.auto_deals import nobody_lost, settle_run, skip_run
from crm.deals.locking import hold_linked_pipelines
from crm.models import Deal, DealStatus, LinkRun, LinkRunStatus, LinkTrigger, StageVisit
from crm.pipelines.link_values import LinkInfo
from crm.pipelines.links import load_link

RUNS_AT_ONCE = 100  # a server that is told to stop waits for them
RETRY_AFTER = timedelta(minutes=10)  # of a firing that broke, so that it keeps nothing behind it from its turn
Row = TypeVar("Row", Deal, LinkRun)
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DueReport:
    """How many firings were done, and how many broke and are tried again later."""

    done: int
    failed: int


def run_due_links(database: Database, actor: Actor, *, now: datetime, limit: int = RUNS_AT_ONCE) -> DueReport:
    """Do the oldest due firings, each in a transaction of its own; one that breaks is put off and stops no other.

    Errors: Forbidden; DatabaseUnavailable at the first look.
    """
    with database.read_scope() as session:
        run_ids = due_run_ids(session, actor, now=now, limit=limit)
    done = failed = 0
    for run_id in run_ids:
        try:
            with database.session_scope() as session:
                done += perform_run(session, actor, run_id=run_id, now=now)
        except Exception:
            log.exception("firing %s of a link broke", run_id)
            failed += 1
            _put_off(database, run_id, now)
    return DueReport(done, failed)


def due_run_ids(session: Session, actor: Actor, *, now: datetime, limit: int) -> list[int]:
    """Return the firings whose day has come, the oldest first.

    Errors: Forbidden.
    """
    require(actor, Action.MANAGE_WORKSPACE)
    # Those of merged deals rest: an undo of the merge lets them go on.
    living = select(Deal.merged_into_id).where(Deal.id == LinkRun.deal_id).scalar_subquery().is_(None)
    due = (LinkRun.status == LinkRunStatus.WAITING, LinkRun.due_at <= now, living)
    return list(session.scalars(select(LinkRun.id).where(*due).order_by(LinkRun.due_at, LinkRun.id).limit(limit)))


def perform_run(session: Session, actor: Actor, *, run_id: int, now: datetime) -> bool:
    """Do a firing whose day has come; False when it is done, put off, held by somebody else, or the client rests.

    Errors: Forbidden.
    """
    require(actor, Action.MANAGE_WORKSPACE)
    deal_id = session.scalar(select(LinkRun.deal_id).where(LinkRun.id == run_id))
    if deal_id is None:
        return False
    hold_linked_pipelines(session, deal_id)
    # The deal before its run, as who puts a run off takes them; what another holds is for the next time.
    deal = session.scalars(_free(select(Deal).where(Deal.id == deal_id))).one_or_none()
    due = (LinkRun.id == run_id, LinkRun.status == LinkRunStatus.WAITING, LinkRun.due_at <= now)
    run = session.scalars(_free(select(LinkRun).where(*due))).one_or_none() if deal is not None else None
    if deal is None or run is None or deal.status is DealStatus.MERGED:
        return False
    link = load_link(session, run.link_id)
    why_not = _outdated(session, link, deal, run)
    if why_not is not None:
        skip_run(session, actor, link, run, why_not, now)
    else:
        settle_run(session, actor, link, deal, run, now)
    session.flush()
    return run.status is not LinkRunStatus.WAITING


def _free(query: Select[Row]) -> Select[Row]:
    return query.with_for_update(skip_locked=True).execution_options(populate_existing=True)


def _put_off(database: Database, run_id: int, now: datetime) -> None:
    still_due = (LinkRun.id == run_id, LinkRun.status == LinkRunStatus.WAITING, LinkRun.due_at <= now)
    try:
        with database.session_scope() as session:
            session.execute(update(LinkRun).where(*still_due).values(due_at=now + RETRY_AFTER))
    except Exception:
        log.exception("firing %s of a link could not be put off", run_id)


def _outdated(session: Session, link: LinkInfo, deal: Deal, run: LinkRun) -> str | None:
    if not link.plan.is_active:
        return "link_off"
    if deal.status is DealStatus.REMOVED:
        return "deal_removed"
    ends = {LinkTrigger.WON: DealStatus.WON, LinkTrigger.LOST: DealStatus.LOST}
    if link.plan.trigger in ends:
        newest = session.scalar(select(func.max(StageVisit.id)).where(StageVisit.deal_id == deal.id))
        # Closed, taken up and closed anew: that end has a firing of its own, or none.
        if deal.status is not ends[link.plan.trigger] or run.visit_id != newest:
            return "deal_taken_up"
    return "nobody_lost" if nobody_lost(session, deal) else None
