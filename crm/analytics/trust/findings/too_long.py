"""Open deals that stand on their stage longer than its norm, without one far longer than others did."""

from __future__ import annotations

from sqlalchemy import BigInteger, ColumnElement, case, false, type_coerce

from crm.analytics.trust.values import Facts, Finding, Subject
from crm.models import Deal


def _has_limit(facts: Facts) -> ColumnElement[bool]:
    return Deal.stage_id.in_(sorted(facts.limits)) if facts.limits else false()


def _is_over(facts: Facts) -> ColumnElement[bool]:
    if not facts.limits:
        return false()
    now = int(facts.now.timestamp())
    latest = {stage_id: now - seconds for stage_id, seconds in facts.limits.items()}
    return type_coerce(Deal.stage_entered_at, BigInteger) < case(latest, value=Deal.stage_id, else_=None)


FINDING = Finding(code="too_long", subject=Subject.OPEN, weight=10, looked_at=_has_limit, found=_is_over)
