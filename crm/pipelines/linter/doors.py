"""Doors that several findings have."""

from __future__ import annotations

from crm.pipelines.linter.facts import LintFacts
from crm.pipelines.linter.values import Behind, Door
from crm.pipelines.values import StageInfo


def open_door(facts: LintFacts, stage: StageInfo) -> tuple[Door, ...]:
    """Return the door to the open deals of a stage, if there are any."""
    count = facts.behaviour.stages[stage.id].open_count if facts.behaviour else 0
    return (Door(Behind.OPEN_HERE, count, facts.pipeline.id, stage.id),) if count else ()
