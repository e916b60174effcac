"""On a stage that says which next steps count, one of those lies ahead."""

from __future__ import annotations

from collections.abc import Iterable

from crm.errors import Violation
from crm.models.codes import StageKind, StepKind
from crm.pipelines.stage_rules.facts import MoveFacts
from crm.pipelines.values import StageInfo


def check(facts: MoveFacts) -> list[Violation]:
    """Refuse to enter an open stage with steps of other kinds only; that a step is missing, `next_step` says."""
    if facts.target.kind is not StageKind.OPEN:
        return []
    return kind_violations(facts.target, [step.kind for step in facts.steps_ahead])


def kind_violations(stage: StageInfo, kinds: Iterable[StepKind]) -> list[Violation]:
    """Return the violation when none of these kinds counts on the stage; nothing without any kinds."""
    given = set(kinds)
    if not given or not stage.step_kinds or given & set(stage.step_kinds):
        return []
    allowed = ",".join(kind.value for kind in stage.step_kinds)
    return [Violation("next_step_kind_wrong", "next_step", {"stage": stage.name, "kinds": allowed})]
