"""Judging whether a deal meets the conditions of a link."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from crm.models import Deal, DealContact, User
from crm.pipelines.link_values import ConditionOp, LinkCondition
from crm.pipelines.values import CUSTOM_PREFIX


def conditions_hold(session: Session, deal: Deal, conditions: Sequence[LinkCondition]) -> bool:
    """Tell whether a deal meets all conditions; without any it does."""
    return conditions_hold_by(lambda field: _value(session, deal, field), conditions)


def conditions_hold_by(value_of: Callable[[str], Any], conditions: Sequence[LinkCondition]) -> bool:
    """Tell whether the deal whose values by field are given meets all conditions."""
    return all(_OPS[one.op](value_of(one.field), one.value) for one in conditions)


def own_value(deal: Deal, field: str) -> Any:
    """Return what a deal itself holds in a field: all but its team and its contact."""
    if field.startswith(CUSTOM_PREFIX):
        return deal.custom.get(field.removeprefix(CUSTOM_PREFIX))
    columns = {
        "amount": deal.amount_minor,
        "priority": deal.priority.name.lower(),
        "source": deal.source,
        "loss_reason": deal.loss_reason_id,
        "company": deal.company_id,
        "expected_close_on": deal.expected_close_on,
    }
    return columns[field]


def _value(session: Session, deal: Deal, field: str) -> Any:
    if field == "team":
        return session.scalar(select(User.team_id).where(User.id == deal.owner_id))
    if field == "contact":
        return session.scalar(select(exists().where(DealContact.deal_id == deal.id))) or None
    return own_value(deal, field)


def _is_one_of(value: Any, wanted: Any) -> bool:
    present = value if isinstance(value, list) else [value]
    return not {_folded(one) for one in present}.isdisjoint(_folded(one) for one in wanted)


def _folded(value: Any) -> Any:
    # A source typed by hand counts in any case.
    return value.casefold() if isinstance(value, str) else value


_OPS: dict[ConditionOp, Callable[[Any, Any], bool]] = {
    ConditionOp.AT_LEAST: lambda value, least: value is not None and value >= least,
    ConditionOp.AT_MOST: lambda value, most: value is not None and value <= most,
    ConditionOp.IS_ONE_OF: _is_one_of,
    ConditionOp.FILLED: lambda value, _none: value not in (None, "", []),
    ConditionOp.EMPTY: lambda value, _none: value in (None, "", []),
}
