"""L08: a stage where deals pile up, grow old, or wait without a task."""

from __future__ import annotations

from crm.errors import Param
from crm.pipelines.linter.behaviour import Behaviour, StageFigures
from crm.pipelines.linter.empty_settings import filling
from crm.pipelines.linter.facts import LintFacts
from crm.pipelines.linter.limits import CROWD_TIMES_EVEN, DAY_SECONDS, Limits
from crm.pipelines.linter.values import Behind, Door, Finding, Severity, stage_subject
from crm.pipelines.values import StageInfo


def check(facts: LintFacts) -> list[Finding]:
    """Return a finding per stage that behaves like a swamp, with every sign it shows."""
    behaviour = facts.behaviour
    if behaviour is None:
        return []
    limits = facts.limits
    found = []
    for stage in facts.pipeline.open_stages:
        figures = behaviour.stages[stage.id]
        signs = [
            *(["crowd"] if _is_crowd(limits, behaviour, figures) else []),
            *(["old"] if _is_old(limits, behaviour, figures) else []),
            *(["no_task"] if _lacks_tasks(limits, figures) else []),
        ]
        if signs:
            found.append(_swamp(facts, behaviour, stage, signs))
    return found


def _is_crowd(limits: Limits, behaviour: Behaviour, figures: StageFigures) -> bool:
    all_open = behaviour.open_count
    percent = max(limits.crowd_percent, 100 * CROWD_TIMES_EVEN / len(behaviour.stages))
    return all_open >= limits.fewest_deals and 100 * figures.open_count > percent * all_open


def _is_old(limits: Limits, behaviour: Behaviour, figures: StageFigures) -> bool:
    own, usual = figures.median_age_seconds, behaviour.median_age_seconds
    return (
        figures.open_count >= limits.fewest_deals and own is not None and usual is not None
        and own > limits.old_times * max(usual, DAY_SECONDS)
    )  # fmt: skip


def _lacks_tasks(limits: Limits, figures: StageFigures) -> bool:
    return (
        figures.open_count >= limits.fewest_deals
        and 100 * figures.no_task_count > limits.no_task_percent * figures.open_count
    )


def _swamp(facts: LintFacts, behaviour: Behaviour, stage: StageInfo, signs: list[str]) -> Finding:
    figures = behaviour.stages[stage.id]
    params: dict[str, Param] = {
        "stage": stage.name,
        "count": figures.open_count,
        "of": behaviour.open_count,
        "percent": round(100 * figures.open_count / behaviour.open_count),
        "days": (figures.median_age_seconds or 0) // DAY_SECONDS,
        "usual_days": (behaviour.median_age_seconds or 0) // DAY_SECONDS,
        "no_task": figures.no_task_count,
        "no_task_percent": round(100 * figures.no_task_count / figures.open_count),
    }
    doors = [Door(Behind.OPEN_HERE, figures.open_count, facts.pipeline.id, stage.id)]
    if "no_task" in signs:
        doors.append(Door(Behind.NO_TASK_HERE, figures.no_task_count, facts.pipeline.id, stage.id))
    fill = filling(facts.pipeline, stage)
    return Finding(
        "L08", Severity.WARNING, tuple(signs), stage_subject(stage.id), params, tuple(doors), (fill,) if fill else ()
    )
