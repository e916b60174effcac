"""Forward only and no skipping, as the pipeline's switches say; exceptions of the actor's role stand above them."""

from __future__ import annotations

from crm.errors import Violation
from crm.models.codes import Role, StageKind
from crm.pipelines.stage_rules.facts import MoveFacts
from crm.pipelines.values import PipelineInfo, StageInfo


def check(facts: MoveFacts) -> list[Violation]:
    """Refuse a move the role may not make, one backwards, or one past the stage that comes next."""
    if facts.is_closed:
        return []
    return way_violations(facts.pipeline, facts.actor.role, facts.from_stage, facts.target)


def way_violations(pipeline: PipelineInfo, role: Role, start: StageInfo, target: StageInfo) -> list[Violation]:
    """Return what forbids a role the way from an open stage to another one or to an end; empty when it may go.

    Closing as lost is allowed from any stage, whatever the exceptions say.
    """
    if target.kind is StageKind.LOST:
        return []
    exception = pipeline.transitions.get((role, start.id, target.id))
    if exception is not None:
        refusal = Violation("move_forbidden", "stage", {"start": start.name, "stage": target.name})
        return [] if exception else [refusal]
    return switch_violations(pipeline, start, target)


def switch_violations(pipeline: PipelineInfo, start: StageInfo, target: StageInfo) -> list[Violation]:
    """Return what the two switches alone have against a move from an open stage to another one or to the win."""
    if target.kind is StageKind.OPEN and target.position < start.position:
        return [Violation("back_not_allowed", "stage", {"stage": target.name})] if pipeline.forward_only else []
    following = pipeline.next_stage(start)
    if pipeline.no_skipping and following.id != target.id:
        return [Violation("skip_not_allowed", "stage", {"stage": following.name})]
    return []
