"""L07: a person or a department as a stage, or several processes in one pipeline."""

from __future__ import annotations

from crm.errors import Param
from crm.pipelines.linter.behaviour import Behaviour
from crm.pipelines.linter.doors import open_door
from crm.pipelines.linter.facts import LintFacts, folded
from crm.pipelines.linter.limits import OWN_STAGE_SHARE, Limits
from crm.pipelines.linter.values import Finding, Fix, RetireStage, Severity, SplitPipeline, stage_subject


def check(facts: LintFacts) -> list[Finding]:
    """Return a finding per stage named after who works there, and one where teams share no stage."""
    stages = facts.pipeline.open_stages
    told = {stage.id for stage in facts.stages_named("L07")}
    named = [stage for stage in stages if stage.id in told or folded(stage.name) in facts.people]
    found = []
    for stage in named:
        refuge = facts.refuge(stage)
        fixes: tuple[Fix, ...] = (RetireStage(stage.id, refuge.id),) if refuge else ()
        found.append(
            Finding(
                "L07", Severity.WARNING, ("name",), stage_subject(stage.id), {"stage": stage.name},
                open_door(facts, stage), fixes,
            )
        )  # fmt: skip
    return found + (_apart(facts, facts.behaviour) if facts.behaviour else [])


def _apart(facts: LintFacts, behaviour: Behaviour) -> list[Finding]:
    groups = _groups(facts.limits, behaviour)
    if len(groups) < 2:
        return []
    stages = facts.pipeline.open_stages
    (first, kept), *_others, (last, moved) = sorted(
        groups, key=lambda group: min(one.position for one in stages if one.id in group[1])
    )
    names = [stage.name for stage in stages if stage.id in moved]
    params: dict[str, Param] = {
        "first": ", ".join(sorted(first)), "last": ", ".join(sorted(last)), "stages": "; ".join(names),
        "count": sum(sum(behaviour.team_stages[team].values()) for team in last),
        "first_stages": len(kept),
    }  # fmt: skip
    fix = SplitPipeline(tuple(one.id for one in stages if one.id in moved), f"{facts.pipeline.name}: {params['last']}")
    return [Finding("L07", Severity.WARNING, ("teams",), "", params, fixes=(fix,))]


def _groups(limits: Limits, behaviour: Behaviour) -> list[tuple[set[str], set[int]]]:
    """Return teams with the stages they work on, joined where they share one."""
    groups: list[tuple[set[str], set[int]]] = []
    for team, entries in sorted(behaviour.team_stages.items()):
        total = sum(entries.values())
        if total < limits.fewest_deals:
            continue
        own = {stage_id for stage_id, count in entries.items() if count >= OWN_STAGE_SHARE * total}
        joined = [group for group in groups if group[1] & own]
        groups = [group for group in groups if group not in joined]
        teams = {team}.union(*(group[0] for group in joined))
        groups.append((teams, own.union(*(group[1] for group in joined))))
    return groups
