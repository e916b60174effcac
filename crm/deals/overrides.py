"""Passing a rule with a written reason: who may, what may be passed, and the trace that it leaves."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.permissions import Action, may
from crm.errors import Violation
from crm.events import record
from crm.models import Deal, RuleOverride
from crm.pipelines.stage_rules import MoveFacts, is_passable
from crm.typed_text import block_violations, clean_block

REASON_AT_LEAST = 10
REASON_LIMIT = 5000


def reason_violations(reason: str, field: str) -> list[Violation]:
    """Return what is wrong with a reason that others will read: too short, too long, unreadable."""
    found = block_violations(reason, field, REASON_LIMIT)
    if not found and len(clean_block(reason)) < REASON_AT_LEAST:
        found.append(Violation("reason_too_short", field, {"limit": REASON_AT_LEAST}))
    return found


def standing_violations(facts: MoveFacts, broken: Sequence[Violation], reason: str | None) -> list[Violation]:
    """Return what still stands in the way of a move once its reason is heard.

    A reason counts only where there is something to pass; from who may not pass rules it adds a violation.
    """
    if not broken or reason is None:
        return list(broken)
    if not may(facts.actor, Action.OVERRIDE_RULES):
        return [*broken, Violation("override_not_allowed", "override_reason")]
    left = [one for one in broken if not is_passable(facts, one)]
    if len(left) < len(broken):
        left += reason_violations(reason, "override_reason")
    return left


def record_override(
    session: Session,
    actor: Actor,
    deal: Deal,
    *,
    facts: MoveFacts,
    visit_id: int,
    passed: Sequence[Violation],
    reason: str,
    now: datetime,
) -> None:
    """Keep which rules a move passed and why; `visit_id` is the stay that it ended."""
    rules = list(dict.fromkeys(one.code for one in passed))
    session.add(
        RuleOverride(
            deal_id=deal.id,
            visit_id=visit_id,
            from_stage_id=facts.from_stage.id,
            to_stage_id=facts.target.id,
            rules=rules,
            reason=clean_block(reason),
            actor_id=actor.user_id,
            at=now,
        )
    )
    record(
        session, actor, "deal.rule_overridden", "deal", deal.id, at=now, rules=rules, reason=clean_block(reason),
        from_stage=facts.from_stage.name, to_stage=facts.target.name,
    )  # fmt: skip
