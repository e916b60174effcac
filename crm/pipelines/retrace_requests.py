"""Asking a worker to work out anew how far deals came: their stages or reasons of loss mean something else now."""

from __future__ import annotations

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.jobs import request_job_after
from crm.models import Deal, JobKind

RETRACE_KEY = JobKind.RETRACE.value


def request_retrace(session: Session, actor: Actor, pipeline_id: int | None) -> None:
    """Ask for the paths of a pipeline's deals, or of all deals; of an empty pipeline there is nothing to do."""
    if pipeline_id is None:
        request_job_after(session, actor, JobKind.RETRACE, unique_key=RETRACE_KEY)
    elif session.scalar(select(exists().where(Deal.pipeline_id == pipeline_id))):
        key = f"{RETRACE_KEY}.{pipeline_id}"
        request_job_after(session, actor, JobKind.RETRACE, unique_key=key, pipeline_id=pipeline_id)
