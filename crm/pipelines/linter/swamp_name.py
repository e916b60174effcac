"""L03: a stage named after waiting, in which nothing has to happen."""

from __future__ import annotations

from crm.pipelines.linter.doors import open_door
from crm.pipelines.linter.facts import LintFacts
from crm.pipelines.linter.values import Finding, Fix, RenameStage, RetireStage, Severity, stage_subject

OFFERED = 2


def check(facts: LintFacts) -> list[Finding]:
    """Return a finding per stage whose name is a swamp, with the deals that stand in it."""
    found = []
    for stage in facts.stages_named("L03"):
        named = facts.better_names(stage, OFFERED) or [""]
        fixes: list[Fix] = [RenameStage(stage.id, name) for name in named]
        refuge = facts.refuge(stage)
        if refuge is not None:
            fixes.append(RetireStage(stage.id, refuge.id))
        doors = open_door(facts, stage)
        found.append(
            Finding(
                "L03", Severity.ERROR, ("name",), stage_subject(stage.id), {"stage": stage.name}, doors, tuple(fixes)
            )
        )
    return found
