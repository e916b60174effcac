"""A closed deal stays where it ended, unless a head takes it up again."""

from __future__ import annotations

from crm.errors import Violation
from crm.pipelines.stage_rules.facts import MoveFacts


def check(facts: MoveFacts) -> list[Violation]:
    """Refuse to move a deal that has ended."""
    return [Violation("deal_closed", "stage")] if facts.is_closed else []
