"""What a worker would do about paths, in a transaction that is never committed."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.clock import utc_now
from crm.deals.paths import retrace_deals
from crm.models import BackgroundJob, Deal, JobKind, JobStatus


def work_off_retraces(session: Session) -> None:
    """Do the retraces that are asked for, and no others: a write that forgets to ask leaves stale paths."""
    waiting = select(BackgroundJob).filter_by(kind=JobKind.RETRACE.value, status=JobStatus.QUEUED)
    for job in session.scalars(waiting).all():
        deals = select(Deal.id)
        if "pipeline_id" in job.arguments:
            deals = deals.where(Deal.pipeline_id == job.arguments["pipeline_id"])
        retrace_deals(session, session.scalars(deals).all())
        job.status, job.finished_at = JobStatus.DONE, utc_now()
    session.flush()
