"""L14: a loop of auto-deals without a brake."""

from __future__ import annotations

from crm.pipelines.link_values import unbraked_loops
from crm.pipelines.linter.facts import LintFacts
from crm.pipelines.linter.limits import LOOP_COOLDOWN_SECONDS, LOOP_ROUNDS
from crm.pipelines.linter.values import Finding, SetLoopLimit, Severity


def check(facts: LintFacts) -> list[Finding]:
    """Return a finding per link of this pipeline that takes part in a loop none of whose links has a brake."""
    loops = [loop for loop in unbraked_loops([link.plan for link in facts.links]) if facts.pipeline.id in loop]
    names = {other.id: other.name for other in facts.others} | {facts.pipeline.id: facts.pipeline.name}
    found = []
    for loop in loops:
        following = dict(zip(loop, (*loop[1:], loop[0]), strict=True))[facts.pipeline.id]
        way = " → ".join(names.get(one, "?") for one in (*loop, loop[0]))
        found += [
            Finding(
                "L14", Severity.ERROR, ("loop",), f"link:{link.id}", {"way": way},
                fixes=(SetLoopLimit(link.id, LOOP_COOLDOWN_SECONDS, LOOP_ROUNDS),),
            )
            for link in facts.links
            if link.plan.is_active and not link.plan.has_brake
            if (link.plan.from_pipeline_id, link.plan.to_pipeline_id) == (facts.pipeline.id, following)
        ]  # fmt: skip
    return found
