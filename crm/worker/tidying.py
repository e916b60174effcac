"""The night's cleaning: what has run out and nobody can see any more."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from crm.actor import Actor
from crm.auth.sessions import delete_dead_sessions
from crm.clock import utc_now
from crm.db import Database
from crm.imports.sources import forget_old_uploads
from crm.jobs import JobRun
from crm.jobs.claims import forget_old_jobs

JOBS_KEPT = timedelta(days=90)


def tidy(database: Database, actor: Actor, run: JobRun, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """Delete sessions that ran out, jobs that ended long ago, uploads nobody imports."""
    del actor, run, arguments
    now = utc_now()
    with database.session_scope() as session:
        sessions = delete_dead_sessions(session, now)
    with database.session_scope() as session:
        jobs = forget_old_jobs(session, now=now, kept=JOBS_KEPT)
    forget_old_uploads()
    return {"sessions": sessions, "jobs": jobs}
