"""The weekly look over all pipelines, as background work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from crm.actor import Actor
from crm.db import Database
from crm.errors import NotFound
from crm.jobs import JobRun
from crm.models import LintOccasion, Pipeline
from crm.pipelines.linter.runs import lint_pipeline


def lint_pipelines(database: Database, actor: Actor, run: JobRun, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """Look over every pipeline in use, one transaction each, and go on after a break where it was.

    Errors: Forbidden.
    """
    del arguments
    after = int(run.state.get("after", 0))
    done = int(run.state.get("done", 0))
    in_use = select(Pipeline.id).where(Pipeline.is_archived.is_(False))
    with database.read_scope() as session:
        ids = list(session.scalars(in_use.where(Pipeline.id > after).order_by(Pipeline.id)))
    total = done + len(ids)
    for pipeline_id in ids:
        with database.session_scope() as session:
            try:
                lint_pipeline(session, actor, pipeline_id=pipeline_id, occasion=LintOccasion.SCHEDULE)
            except NotFound:  # deleted meanwhile
                total -= 1
            else:
                done += 1
            run.mark(session, done, total, state={"after": pipeline_id, "done": done})
    return {"pipelines": done}
