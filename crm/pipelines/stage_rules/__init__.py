"""The one judge of moves: every channel asks `check_move`, every rule is a small file in this folder."""

from __future__ import annotations

from collections.abc import Callable

from crm.errors import Violation
from crm.pipelines.stage_rules import direction, loss_reason, next_step, required_fields, won_amount
from crm.pipelines.stage_rules.facts import MoveFacts
from crm.pipelines.stage_rules.possible import check_possible

StageRule = Callable[[MoveFacts], list[Violation]]

STAGE_RULES: tuple[StageRule, ...] = (
    direction.check,
    required_fields.check,
    next_step.check,
    loss_reason.check,
    won_amount.check,
)


def check_move(facts: MoveFacts) -> list[Violation]:
    """Return every rule the move would break, in the order of the rules; empty when it may go.

    A move that makes no sense at all (another pipeline, a closed deal) is told alone.
    """
    impossible = check_possible(facts)
    if impossible:
        return impossible
    return [violation for rule in STAGE_RULES for violation in rule(facts)]


__all__ = ["STAGE_RULES", "MoveFacts", "StageRule", "check_move"]
