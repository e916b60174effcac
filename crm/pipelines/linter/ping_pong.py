"""L10: deals that go to and fro."""

from __future__ import annotations

from crm.errors import Param
from crm.pipelines.linter.facts import LintFacts
from crm.pipelines.linter.values import Behind, Door, Finding, Fix, ForwardOnly, RetireStage, Severity

SHOWN_PAIRS = 3


def check(facts: LintFacts) -> list[Finding]:
    """Return a finding where over 10 % of moves between working stages go backwards, with the worst pairs."""
    behaviour = facts.behaviour
    if behaviour is None:
        return []
    back = sum(behaviour.back_moves.values())
    if back < facts.limits.fewest_deals or 100 * back <= facts.limits.back_percent * behaviour.moves:
        return []
    names = {stage.id: stage.name for stage in facts.pipeline.open_stages}
    pairs = sorted(behaviour.back_moves.items(), key=lambda pair: (-pair[1], pair[0]))[:SHOWN_PAIRS]
    params: dict[str, Param] = {
        "count": back, "of": behaviour.moves, "percent": round(100 * back / behaviour.moves),
        "pairs": "; ".join(f"{names[start]} → {names[end]}: {count}" for (start, end), count in pairs),
    }  # fmt: skip
    doors = tuple(
        Door(Behind.WENT_BACK, behaviour.back_deals[start], facts.pipeline.id, start, since=behaviour.since)
        for start in dict.fromkeys(start for (start, _end), _count in pairs)
    )
    (start, end), _count = pairs[0]
    fixes: list[Fix] = [] if facts.pipeline.forward_only else [ForwardOnly()]
    return [Finding("L10", Severity.WARNING, ("back",), "", params, doors, (*fixes, RetireStage(start, end)))]
