"""The minute's work on links: firings whose day has come."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.actors import system_actor
from crm.clock import utc_now
from crm.db import Database
from crm.deals.due_links import due_run_ids, run_due_links
from crm.jobs import JobRun


def do_due_links(database: Database, actor: Actor, run: JobRun, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """Do what is due, a hundred at a time: a stage closed at once may leave thousands."""
    del arguments
    done = failed = 0
    while not run.is_cancelled():
        report = run_due_links(database, actor, now=utc_now())
        done, failed = done + report.done, failed + report.failed
        run.report(done)
        if not report.done:
            break
    return {"done": done, "failed": failed}


def has_due_links(session: Session) -> bool:
    """Tell whether a firing is due."""
    return bool(due_run_ids(session, system_actor(), now=utc_now(), limit=1))
