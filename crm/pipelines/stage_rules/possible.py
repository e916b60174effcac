"""A move must make sense before rules are asked: same pipeline, another stage that is in use, an open deal."""

from __future__ import annotations

from crm.errors import Violation
from crm.models.codes import StageKind
from crm.pipelines.stage_rules import closed
from crm.pipelines.stage_rules.facts import MoveFacts


def check_possible(facts: MoveFacts) -> list[Violation]:
    """Return the one reason why the move makes no sense, if there is one."""
    target = facts.to_stage
    if target is None:
        return [Violation("stage_of_other_pipeline", "stage")]
    if facts.is_closed and target.kind is not StageKind.OPEN:
        return closed.check(facts)
    if facts.is_closed and facts.is_insisted and facts.pipeline.is_archived:
        return [Violation("pipeline_archived", "stage")]
    if target.is_retired:
        return [Violation("stage_retired", "stage")]
    if target.id == facts.from_stage.id:
        return [Violation("stage_same", "stage")]
    return [] if facts.is_insisted else closed.check(facts)
