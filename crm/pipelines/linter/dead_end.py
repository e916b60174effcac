"""L11: an end that leads nowhere while other pipelines exist."""

from __future__ import annotations

from crm.models.codes import LinkTrigger
from crm.pipelines.linter.facts import LintFacts
from crm.pipelines.linter.values import AddLink, Finding, Fix, Severity, StandAlone

# Beginnings of words in pipelines' names that say where deals of an end usually go on.
_HOMES = {
    LinkTrigger.WON: ("актив", "постоян", "повтор", "производ", "проект", "active", "regular", "repeat", "production"),
    LinkTrigger.LOST: ("отказ", "реаним", "возвра", "отложен", "refus", "reanim", "lost", "deferred"),
}


def check(facts: LintFacts) -> list[Finding]:
    """Return a finding for won and for lost where no active link starts there; a pipeline that stands alone may."""
    if facts.pipeline.stands_alone or not facts.others:
        return []
    living = {facts.pipeline.id, *(other.id for other in facts.others)}
    led_on = {
        link.plan.trigger
        for link in facts.links
        if link.plan.is_active and link.plan.from_pipeline_id == facts.pipeline.id
        if link.plan.to_pipeline_id in living
    }
    return [
        Finding("L11", Severity.WARNING, (trigger.value,), trigger.value, {"count": len(facts.others)}, (),
                _fixes(facts, trigger))
        for trigger in (LinkTrigger.WON, LinkTrigger.LOST)
        if trigger not in led_on
    ]  # fmt: skip


def _fixes(facts: LintFacts, trigger: LinkTrigger) -> tuple[Fix, ...]:
    names = {other.id: other.name.casefold() for other in facts.others}
    homes = [one for one, name in names.items() if any(home in name for home in _HOMES[trigger])]
    return (AddLink(trigger, (homes or list(names))[0]), StandAlone())
