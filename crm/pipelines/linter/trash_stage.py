"""L06: a trash stage or a long drawer, where deals go in and never come out."""

from __future__ import annotations

from crm.errors import Param
from crm.i18n import _
from crm.pipelines.linter.behaviour import Behaviour
from crm.pipelines.linter.doors import open_door
from crm.pipelines.linter.facts import LintFacts
from crm.pipelines.linter.limits import Limits
from crm.pipelines.linter.values import (
    Behind,
    CloseWithReason,
    Door,
    Finding,
    Fix,
    RetireStage,
    Severity,
    stage_subject,
)
from crm.pipelines.values import LossReasonInfo, StageInfo


def check(facts: LintFacts) -> list[Finding]:
    """Return a finding per stage named after trash, or which took deals in for 60 days and let none out."""
    named = facts.stages_named("L06")
    found = [
        Finding(
            "L06", Severity.ERROR, ("name",), stage_subject(stage.id), {"stage": stage.name},
            open_door(facts, stage), _fixes(facts, stage),
        )
        for stage in named
    ]  # fmt: skip
    behaviour = facts.behaviour
    if behaviour is not None:
        rest = [stage for stage in facts.pipeline.open_stages if stage not in named]
        found += [_swallowing(facts, behaviour, stage) for stage in rest if _swallows(facts.limits, behaviour, stage)]
    return found


def _swallows(limits: Limits, behaviour: Behaviour, stage: StageInfo) -> bool:
    figures = behaviour.stages[stage.id]
    return figures.in_count >= limits.fewest_deals and figures.out_count == 0


def _swallowing(facts: LintFacts, behaviour: Behaviour, stage: StageInfo) -> Finding:
    count = behaviour.stages[stage.id].in_count
    came = Door(Behind.CAME_IN, count, facts.pipeline.id, stage.id, since=behaviour.still_since)
    params: dict[str, Param] = {"stage": stage.name, "count": count, "days": facts.limits.still_days}
    return Finding(
        "L06", Severity.ERROR, ("behaviour",), stage_subject(stage.id), params, (came,), _fixes(facts, stage)
    )


def _fixes(facts: LintFacts, stage: StageInfo) -> tuple[Fix, ...]:
    reason, first = _reason(facts), facts.beginning(stage)
    if first is None:
        return ()
    retire = RetireStage(stage.id, first.id)
    if reason is None:
        return (retire,)
    return (CloseWithReason(stage.id, reason.id, _("Stood on “{stage}”", stage=stage.name)), retire)


def _reason(facts: LintFacts) -> LossReasonInfo | None:
    # One that asks for a note: nobody knows any more why these deals were put aside.
    reasons = facts.pipeline.active_reasons()
    return next((one for one in reasons if one.note_required), next(iter(reasons), None))
