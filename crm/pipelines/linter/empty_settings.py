"""L13: a stage without a norm or a criterion, and a pipeline that asks for nothing."""

from __future__ import annotations

from crm.i18n import _
from crm.pipelines.linter.facts import LintFacts
from crm.pipelines.linter.limits import FIRST_NORM_SECONDS, USUAL_NORM_SECONDS
from crm.pipelines.linter.values import FillStage, Finding, Severity, stage_subject
from crm.pipelines.values import PipelineInfo, StageInfo

USUAL_FIELDS = ("contact", "amount")


def check(facts: LintFacts) -> list[Finding]:
    """Return a hint per stage that lacks a norm or a criterion, and one where no stage asks for any field."""
    found: list[Finding] = []
    if not facts.has_settings:
        return found
    for stage in facts.pipeline.open_stages:
        fill = filling(facts.pipeline, stage)
        if fill is not None:
            lacks = "criterion" if stage.norm_seconds else "norm" if stage.exit_criterion else "both"
            found.append(
                Finding("L13", Severity.HINT, (lacks,), stage_subject(stage.id), {"stage": stage.name}, fixes=(fill,))
            )
    stages = facts.pipeline.open_stages
    if stages and not any(stage.required or stage.required_exit for stage in facts.pipeline.stages):
        last = stages[-1]
        fix = FillStage(
            last.id, last.exit_criterion or _criterion(last), last.norm_seconds or USUAL_NORM_SECONDS, USUAL_FIELDS
        )
        found.append(Finding("L13", Severity.HINT, ("fields",), "", {"stage": last.name}, fixes=(fix,)))
    return found


def filling(pipeline: PipelineInfo, stage: StageInfo) -> FillStage | None:
    """Return what would fill a stage's empty settings, None where there are none."""
    if stage.norm_seconds and stage.exit_criterion:
        return None
    is_first = stage == pipeline.open_stages[0]
    norm = stage.norm_seconds or (FIRST_NORM_SECONDS if is_first else USUAL_NORM_SECONDS)
    return FillStage(stage.id, stage.exit_criterion or _criterion(stage), norm, stage.required)


def _criterion(stage: StageInfo) -> str:
    return _("“{stage}”: the client confirms it, and the next step has a date", stage=stage.name)
