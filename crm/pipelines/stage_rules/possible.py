"""A move must make sense before rules are asked: same pipeline, open deal, another stage that is in use."""

from __future__ import annotations

from crm.errors import Violation
from crm.models.codes import DealStatus
from crm.pipelines.stage_rules.facts import MoveFacts


def check_possible(facts: MoveFacts) -> list[Violation]:
    """Return the one reason why the move makes no sense, if there is one."""
    if facts.to_stage is None:
        return [Violation("stage_of_other_pipeline", "stage")]
    if facts.status is not DealStatus.OPEN:
        return [Violation("deal_closed", "stage")]
    if facts.to_stage.is_retired:
        return [Violation("stage_retired", "stage")]
    if facts.to_stage.id == facts.from_stage.id:
        return [Violation("stage_same", "stage")]
    return []
