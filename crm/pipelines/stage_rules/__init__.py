"""The one judge of moves: every channel asks `check_move`, every rule is a small file in this folder."""

from __future__ import annotations

from collections.abc import Callable

from crm.errors import Violation
from crm.models.codes import StageKind
from crm.pipelines.stage_rules import (
    closed,
    direction,
    exit_fields,
    loss_reason,
    next_step,
    possible,
    required_fields,
    step_kind,
    won_amount,
)
from crm.pipelines.stage_rules.facts import MoveFacts, OpenStep

StageRule = Callable[[MoveFacts], list[Violation]]

STAGE_RULES: tuple[StageRule, ...] = (
    closed.check,
    direction.check,
    exit_fields.check,
    required_fields.check,
    next_step.check,
    step_kind.check,
    loss_reason.check,
    won_amount.check,
)
# What a head may pass with a written reason. A next step, a reason of loss and a stage that can be entered never are.
_PASSABLE = frozenset(
    {
        "amount_not_positive",
        "back_not_allowed",
        "field_missing",
        "field_missing_on_exit",
        "move_forbidden",
        "next_step_kind_wrong",
        "skip_not_allowed",
    }
)


def check_move(facts: MoveFacts) -> list[Violation]:
    """Return every rule the move would break, in the order of the rules; empty when it may go.

    A move that makes no sense at all (another pipeline, a retired stage, a closed deal) is told alone.
    """
    impossible = possible.check_possible(facts)
    if impossible:
        return impossible
    return [violation for rule in STAGE_RULES for violation in rule(facts)]


def is_passable(facts: MoveFacts, violation: Violation) -> bool:
    """Tell whether a head may pass this violation of the move with a reason; a closed deal only opens again."""
    if violation.code == "deal_closed":
        return facts.to_stage is not None and facts.to_stage.kind is StageKind.OPEN
    return violation.code in _PASSABLE


__all__ = ["STAGE_RULES", "MoveFacts", "OpenStep", "StageRule", "check_move", "is_passable"]
