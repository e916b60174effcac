"""The fields a stage requires are filled when a deal goes on from it."""

from __future__ import annotations

from crm.errors import Violation
from crm.pipelines.stage_rules.facts import MoveFacts


def check(facts: MoveFacts) -> list[Violation]:
    """Return a violation for each field that the present stage requires on the way on and the deal lacks.

    A loss and a way back ask for nothing; a field that the target requires too is told by `required_fields` alone.
    """
    if not facts.goes_on:
        return []
    start = facts.from_stage
    return [
        Violation("field_missing_on_exit", key, {"stage": start.name})
        for key in start.required_exit
        if key not in facts.filled and key not in facts.target.required and facts.pipeline.asks_for(key)
    ]
