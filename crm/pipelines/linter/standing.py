"""Saying that a pipeline stands alone: its ends lead nowhere on purpose."""

from __future__ import annotations

from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.events import record
from crm.pipelines.commands import lock_pipeline


def set_stands_alone(
    session: Session, actor: Actor, *, pipeline_id: int, expected_version: int, stands_alone: bool
) -> None:
    """Say whether a pipeline is meant to lead nowhere, as that of returns is.

    Errors: Forbidden; NotFound; ChangedMeanwhile.
    """
    pipeline = lock_pipeline(session, actor, pipeline_id, expected_version)
    if pipeline.stands_alone == stands_alone:
        return
    pipeline.stands_alone = stands_alone
    pipeline.version += 1
    changes = {"stands_alone": [not stands_alone, stands_alone]}
    record(session, actor, "pipeline.edited", "pipeline", pipeline_id, name=pipeline.name, changes=changes)
