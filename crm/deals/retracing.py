"""Paths of many deals: at once or by a background job, and the proof that none is stale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.permissions import Action, require
from crm.db import Database
from crm.deals.invariants import SHOWN_IDS, BrokenInvariant
from crm.deals.paths import DEALS_AT_ONCE, differences, retrace_deals
from crm.jobs import JobRun
from crm.jobs.requests import UNFINISHED
from crm.models import BackgroundJob, Deal, JobKind
from crm.pipelines.retrace_requests import request_retrace

AT_ONCE = 1000  # more than these wait for a worker: nobody sits through them at a page
STALE = "deal whose path is not what its stays say"


def retrace_after_redesign(session: Session, actor: Actor, *pipeline_ids: int) -> None:
    """Make the paths of all deals of pipelines anew whose stages are others now; in big ones a worker does it."""
    for pipeline_id in pipeline_ids:
        query = select(Deal.id).where(Deal.pipeline_id == pipeline_id).limit(AT_ONCE + 1)
        retrace_many(session, actor, session.scalars(query).all(), pipeline_id)


def retrace_many(session: Session, actor: Actor, deal_ids: Sequence[int], pipeline_id: int) -> None:
    """Make the paths of deals of one pipeline anew; of very many a worker does it, with the whole pipeline."""
    if len(deal_ids) <= AT_ONCE:
        retrace_deals(session, deal_ids)
    else:
        request_retrace(session, actor, pipeline_id)


def retrace_base(database: Database, actor: Actor, run: JobRun, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """Make the paths of a pipeline's deals anew, of all deals without one, a thousand in a transaction."""
    del actor
    which = [Deal.pipeline_id == arguments["pipeline_id"]] if "pipeline_id" in arguments else []
    with database.read_scope() as session:
        total = session.scalar(select(func.count()).select_from(Deal).where(*which)) or 0
    after, done = run.state.get("after", 0), run.state.get("done", 0)
    while True:
        with database.session_scope() as session:
            ids = _next_held(session, after, which)
            retrace_deals(session, ids)
            if ids:
                after, done = ids[-1], done + len(ids)
            run.mark(session, done, max(total, done), state={"after": after, "done": done})
        if not ids:
            return {"deals": done}


def retrace_progress(session: Session, actor: Actor) -> tuple[int, int | None] | None:
    """Return how many deals a worker has retraced, and of how many if it knows; None where none waits to be retraced.

    Errors: Forbidden.
    """
    require(actor, Action.SEE_ANALYTICS)
    jobs = select(BackgroundJob.done, BackgroundJob.total).where(
        BackgroundJob.kind == JobKind.RETRACE.value, BackgroundJob.status.in_(UNFINISHED)
    )
    found = session.execute(jobs.order_by(BackgroundJob.id).limit(1)).one_or_none()
    return None if found is None else (found.done, found.total)


def stale_paths(session: Session, actor: Actor) -> list[BrokenInvariant]:
    """Tell of deals whose written path isn't what their stays say; an empty list is a whole base.

    What a job is still to do is left out.
    Errors: Forbidden.
    """
    require(actor, Action.MANAGE_WORKSPACE)
    jobs = select(BackgroundJob.arguments).where(
        BackgroundJob.kind == JobKind.RETRACE.value, BackgroundJob.status.in_(UNFINISHED)
    )
    waiting = [one.get("pipeline_id") for one in session.scalars(jobs)]
    if None in waiting:
        return []
    stale: list[int] = []
    after, which = 0, [Deal.pipeline_id.not_in(waiting)]
    while ids := session.scalars(_next(after, which)).all():
        stale += sorted(key for difference in differences(session, ids) for key in difference.deal_ids)
        after = ids[-1]
    return [BrokenInvariant(STALE, len(stale), tuple(stale[:SHOWN_IDS]))] if stale else []


def _next(after: int, which: Sequence[ColumnElement[bool]]) -> Any:
    return select(Deal.id).where(Deal.id > after, *which).order_by(Deal.id).limit(DEALS_AT_ONCE)


def _next_held(session: Session, after: int, which: Sequence[ColumnElement[bool]]) -> list[int]:
    # Held until their paths are written: who moves one of them now comes before, or waits and comes after.
    return list(session.scalars(_next(after, which).with_for_update(key_share=True)))
