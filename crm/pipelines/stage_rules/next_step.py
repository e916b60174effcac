"""An open deal always has a next step in the future."""

from __future__ import annotations

from crm.errors import Violation
from crm.models.codes import StageKind
from crm.pipelines.stage_rules.facts import MoveFacts


def check(facts: MoveFacts) -> list[Violation]:
    """Refuse to leave an open deal on a stage without a step that lies ahead."""
    if facts.target.kind is not StageKind.OPEN:
        return []
    if not facts.open_steps:
        return [Violation("next_step_missing", "next_step")]
    return [] if facts.steps_ahead else [Violation("next_step_past", "next_step")]
