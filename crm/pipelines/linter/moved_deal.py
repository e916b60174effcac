"""L15: a link that moves deals into another pipeline instead of copying them."""

from __future__ import annotations

from crm.pipelines.linter.facts import LintFacts
from crm.pipelines.linter.values import CopyInsteadOfMove, Finding, Severity


def check(facts: LintFacts) -> list[Finding]:
    """Return a finding per link of this pipeline that moves; only a foreign description can have one."""
    names = {other.id: other.name for other in facts.others}
    return [
        Finding(
            "L15", Severity.ERROR, ("move",), f"link:{link.id}",
            {"pipeline": names.get(link.plan.to_pipeline_id, facts.pipeline.name)},
            fixes=(CopyInsteadOfMove(link.id),),
        )
        for link in facts.links
        if link.moves and link.plan.from_pipeline_id == facts.pipeline.id
    ]  # fmt: skip
