"""L05: a source of clients kept as a stage."""

from __future__ import annotations

import re

from crm.errors import Param
from crm.pipelines.linter.behaviour import Behaviour
from crm.pipelines.linter.doors import open_door
from crm.pipelines.linter.facts import LintFacts
from crm.pipelines.linter.limits import Limits
from crm.pipelines.linter.values import Behind, Door, Finding, Fix, MoveSourceToField, Severity, stage_subject
from crm.pipelines.values import StageInfo

_AFTER_PREPOSITION = re.compile(r"\b(?:из|с|со|от|from|via|by)\s+(.+)$", re.IGNORECASE)
_LEAD_WORDS = re.compile(
    r"^(?:лид\w*|заявк\w*|обращени\w*|клиент\w*|leads?|inquir\w+|requests?)\s*[:–—-]?\s+", re.IGNORECASE
)
SOURCE_LIMIT = 100


def check(facts: LintFacts) -> list[Finding]:
    """Return a finding per stage named after a source, or where deals of one source begin apart."""
    named = facts.stages_named("L05")
    found = [_named(facts, stage) for stage in named]
    behaviour = facts.behaviour
    if behaviour is not None:
        rest = [stage for stage in facts.pipeline.open_stages if stage not in named]
        found += [
            _behaving(facts, behaviour, stage) for stage in rest if _takes_one_source(facts.limits, behaviour, stage)
        ]
    return found


def source_in(name: str) -> str:
    """Return the source that a stage's name tells: "ВК" of «Лид из ВК»."""
    after = _AFTER_PREPOSITION.search(name)
    told = after.group(1) if after else _LEAD_WORDS.sub("", name)
    return (told.strip() or name)[:SOURCE_LIMIT]


def _named(facts: LintFacts, stage: StageInfo) -> Finding:
    source = source_in(stage.name)
    return Finding(
        "L05", Severity.ERROR, ("name",), stage_subject(stage.id), {"stage": stage.name, "source": source},
        open_door(facts, stage), _fixes(facts, stage, source),
    )  # fmt: skip


def _takes_one_source(limits: Limits, behaviour: Behaviour, stage: StageInfo) -> bool:
    intake = behaviour.stages[stage.id].intake
    if intake.entries < limits.fewest_deals or 100 * intake.top_count <= limits.one_source_percent * intake.entries:
        return False
    # Where everybody begins on this stage, one source is just the company's only one.
    elsewhere = [one.intake for stage_id, one in behaviour.stages.items() if stage_id != stage.id]
    others = sum(one.began - (one.top_count if one.top_source == intake.top_source else 0) for one in elsewhere)
    return others >= limits.fewest_deals


def _behaving(facts: LintFacts, behaviour: Behaviour, stage: StageInfo) -> Finding:
    intake = behaviour.stages[stage.id].intake
    source = intake.top_source or ""
    params: dict[str, Param] = {
        "stage": stage.name, "source": source, "count": intake.top_count, "of": intake.entries,
        "percent": round(100 * intake.top_count / intake.entries),
    }  # fmt: skip
    door = Door(Behind.INTAKE_HERE, intake.top_count, facts.pipeline.id, stage.id, source=source, since=behaviour.since)
    return Finding(
        "L05", Severity.WARNING, ("behaviour",), stage_subject(stage.id), params, (door,),
        _fixes(facts, stage, source),
    )  # fmt: skip


def _fixes(facts: LintFacts, stage: StageInfo, source: str) -> tuple[Fix, ...]:
    # Where a request came from tells nothing of how far it is: it begins anew.
    first = facts.beginning(stage)
    return (MoveSourceToField(stage.id, first.id, source),) if first else ()
