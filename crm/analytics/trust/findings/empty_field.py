"""Open deals without a field that their stage asks for: it was asked later, or somebody passed the rule."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, and_, exists, false, func, or_

from crm.analytics.population import custom_value
from crm.analytics.trust.values import Facts, Finding, Subject
from crm.models import Deal, DealContact
from crm.pipelines.values import CUSTOM_PREFIX


def _is_empty(key: str) -> ColumnElement[bool]:
    # What crm.deals.fields.filled_keys says of one deal, as a condition.
    if key.startswith(CUSTOM_PREFIX):
        return custom_value(key).is_(None)
    builtin: dict[str, Any] = {
        "amount": func.coalesce(Deal.amount_minor, 0) == 0,
        "company": Deal.company_id.is_(None),
        "contact": ~exists().where(DealContact.deal_id == Deal.id),
        "source": func.coalesce(Deal.source, "") == "",
        "expected_close_on": Deal.expected_close_on.is_(None),
    }
    return builtin[key]  # type: ignore[no-any-return]


def _asks(facts: Facts) -> ColumnElement[bool]:
    ids = sorted({one for stages in facts.required.values() for one in stages})
    return Deal.stage_id.in_(ids) if ids else false()


def _lacks(facts: Facts) -> ColumnElement[bool]:
    found = [and_(Deal.stage_id.in_(stages), _is_empty(key)) for key, stages in facts.required.items()]
    return or_(false(), *found)


FINDING = Finding(code="empty_field", subject=Subject.OPEN, weight=10, looked_at=_asks, found=_lacks)
