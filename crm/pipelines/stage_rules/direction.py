"""Forward only and no skipping; closing as lost is allowed from any stage."""

from __future__ import annotations

from crm.errors import Violation
from crm.models.codes import StageKind
from crm.pipelines.stage_rules.facts import MoveFacts


def check(facts: MoveFacts) -> list[Violation]:
    """Refuse a move backwards, or past the stage that comes next."""
    target = facts.target
    if target.kind is StageKind.LOST:
        return []
    if target.kind is StageKind.OPEN and target.position < facts.from_stage.position:
        return [Violation("back_not_allowed", "stage", {"stage": target.name})]
    following = facts.pipeline.next_stage(facts.from_stage)
    if following.id != target.id:
        return [Violation("skip_not_allowed", "stage", {"stage": following.name})]
    return []
