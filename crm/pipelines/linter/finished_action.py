"""L02: a stage whose name is not a finished action."""

from __future__ import annotations

from crm.pipelines.linter.facts import WORSE_NAMES, LintFacts
from crm.pipelines.linter.values import Finding, RenameStage, Severity, stage_subject

OFFERED = 3


def check(facts: LintFacts) -> list[Finding]:
    """Return a finding per stage that does not say what has been done; one with a worse name is told by that."""
    found = []
    for stage in facts.stages_named("L02"):
        if set(facts.names[stage.id].findings) & set(WORSE_NAMES):
            continue
        fixes = tuple(RenameStage(stage.id, name) for name in facts.better_names(stage, OFFERED)) or (
            RenameStage(stage.id),
        )
        found.append(
            Finding("L02", Severity.WARNING, ("name",), stage_subject(stage.id), {"stage": stage.name}, fixes=fixes)
        )
    return found
