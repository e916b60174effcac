"""L04: objections kept as a stage."""

from __future__ import annotations

from crm.pipelines.linter.doors import open_door
from crm.pipelines.linter.facts import LintFacts
from crm.pipelines.linter.values import Finding, Fix, Severity, TurnIntoObjections, stage_subject


def check(facts: LintFacts) -> list[Finding]:
    """Return a finding per stage of objections: they come up on any stage and belong to the deal."""
    found = []
    for stage in facts.stages_named("L04"):
        refuge = facts.refuge(stage)
        fixes: tuple[Fix, ...] = (TurnIntoObjections(stage.id, refuge.id),) if refuge else ()
        found.append(
            Finding(
                "L04", Severity.ERROR, ("name",), stage_subject(stage.id), {"stage": stage.name},
                open_door(facts, stage), fixes,
            )
        )  # fmt: skip
    return found
