"""The fields a stage requires are filled when a deal enters it."""

from __future__ import annotations

from crm.errors import Violation
from crm.pipelines.stage_rules.facts import MoveFacts


def check(facts: MoveFacts) -> list[Violation]:
    """Return a violation for each field that the target stage requires and the deal lacks."""
    return [
        Violation("field_missing", key, {"stage": facts.target.name})
        for key in facts.target.required
        if key not in facts.filled and facts.pipeline.asks_for(key)
    ]
