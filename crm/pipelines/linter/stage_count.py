"""L01: too many or too few stages."""

from __future__ import annotations

from itertools import pairwise

from crm.errors import Param
from crm.pipelines.linter.behaviour import StageFigures
from crm.pipelines.linter.facts import WORSE_NAMES, LintFacts
from crm.pipelines.linter.limits import MERGE_SHORT_SHARE, Limits
from crm.pipelines.linter.values import Finding, RetireStage, Severity


def check(facts: LintFacts) -> list[Finding]:
    """Return a finding unless there are five to eight working stages; merges are offered where there are too many."""
    count = len(facts.pipeline.open_stages)
    limits = facts.limits
    params: dict[str, Param] = {"count": count, "fewest": limits.fewest_stages, "most": limits.most_stages}
    if count < limits.fewest_stages:
        return [Finding("L01", Severity.WARNING, ("few",), params=params)]
    if count <= limits.most_stages:
        return []
    severity = Severity.ERROR if count > limits.far_too_many_stages else Severity.WARNING
    return [Finding("L01", severity, ("many",), params=params, fixes=_merges(facts))]


def _merges(facts: LintFacts) -> tuple[RetireStage, ...]:
    """Return merges into the following stage where nearly every deal passes or stays under an hour only."""
    stages = facts.pipeline.open_stages
    behaviour = facts.behaviour
    if behaviour is None:
        return ()
    # A stage with a name that bad goes by its own fix, and is no place to send deals to.
    bad = {one for one, verdict in facts.names.items() if set(verdict.findings) & set(WORSE_NAMES)}
    good = [
        (-_pass_share(behaviour.stages[stage.id]), stage, following)
        for stage, following in pairwise(stages)
        if not bad & {stage.id, following.id} and _merges_well(facts.limits, behaviour.stages[stage.id])
    ]
    good.sort(key=lambda one: (one[0], one[1].position))
    taken: set[int] = set()
    chosen: list[RetireStage] = []
    for _share, stage, following in good:
        if not {stage.id, following.id} & taken:
            taken |= {stage.id, following.id}
            chosen.append(RetireStage(stage.id, following.id))
    return tuple(chosen)


def _merges_well(limits: Limits, figures: StageFigures) -> bool:
    if figures.left_count < limits.fewest_deals:
        return False
    passes = 100 * figures.passed_count > limits.merge_pass_percent * figures.left_count
    return passes or figures.short_count / figures.left_count > MERGE_SHORT_SHARE


def _pass_share(figures: StageFigures) -> float:
    return figures.passed_count / figures.left_count
