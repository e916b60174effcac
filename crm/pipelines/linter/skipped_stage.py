"""L09: a stage that winners skip."""

from __future__ import annotations

from crm.errors import Param
from crm.models.codes import Role
from crm.pipelines.linter.behaviour import Behaviour
from crm.pipelines.linter.facts import LintFacts
from crm.pipelines.linter.limits import Limits
from crm.pipelines.linter.values import AllowSkip, Behind, Door, Finding, Fix, RetireStage, Severity, stage_subject
from crm.pipelines.values import PipelineInfo, StageInfo


def check(facts: LintFacts) -> list[Finding]:
    """Return a finding per stage that over 40 % of won deals never visited; a stage that may be skipped is fine."""
    behaviour = facts.behaviour
    if behaviour is None:
        return []
    return [
        _skipped(facts, behaviour, stage)
        for stage in facts.pipeline.open_stages
        if _is_skipped(facts.limits, behaviour, stage) and not may_be_skipped(facts.pipeline, stage)
    ]


def may_be_skipped(pipeline: PipelineInfo, stage: StageInfo) -> bool:
    """Tell whether the design itself lets managers pass the stage by."""
    before = [one for one in pipeline.open_stages if one.position < stage.position]
    if not before or not pipeline.no_skipping:
        return False
    return pipeline.transitions.get((Role.MANAGER, before[-1].id, pipeline.next_stage(stage).id), False)


def _is_skipped(limits: Limits, behaviour: Behaviour, stage: StageInfo) -> bool:
    figures = behaviour.stages[stage.id]
    return (
        figures.won_judged >= limits.fewest_deals
        and 100 * figures.won_past > limits.skipped_percent * figures.won_judged
    )


def _skipped(facts: LintFacts, behaviour: Behaviour, stage: StageInfo) -> Finding:
    figures = behaviour.stages[stage.id]
    params: dict[str, Param] = {
        "stage": stage.name, "count": figures.won_past, "of": figures.won_judged,
        "percent": round(100 * figures.won_past / figures.won_judged),
    }  # fmt: skip
    door = Door(Behind.WON_PAST, figures.won_past, facts.pipeline.id, stage.id, since=behaviour.since)
    fixes: list[Fix] = []
    stages = facts.pipeline.open_stages
    if facts.pipeline.no_skipping and stage != stages[0]:
        fixes.append(AllowSkip(stage.id))
    if len(stages) > 1:
        after = [one for one in stages if one.position > stage.position]
        fixes.append(RetireStage(stage.id, after[0].id if after else stages[-2].id))
    return Finding("L09", Severity.WARNING, ("won",), stage_subject(stage.id), params, (door,), tuple(fixes))
