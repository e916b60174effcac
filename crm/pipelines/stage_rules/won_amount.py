"""A won deal has an amount above zero."""

from __future__ import annotations

from crm.errors import Violation
from crm.models.codes import StageKind
from crm.pipelines.stage_rules.facts import MoveFacts


def check(facts: MoveFacts) -> list[Violation]:
    """Refuse to win nothing."""
    if facts.target.kind is not StageKind.WON or (facts.amount_minor or 0) > 0:
        return []
    return [Violation("amount_not_positive", "amount")]
