"""Whose a deal was at a moment, for figures of facts that keep no owner of their own."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, case, func, select, true

from crm.analytics.population import Column
from crm.models import Deal, StageVisit

_NOBODY = 0  # no id: what an unknown owner is until the end of the expression, so that no visit differs from it


def last_owner() -> ColumnElement[Any]:
    """Return whose the deal was in its last visit: when it was won or lost, or now; None where nobody knows."""
    return _owner(true())


def owner_at(moment: Column) -> ColumnElement[Any]:
    """Return whose the deal was at a moment; None where nobody knows."""
    return _owner(StageVisit.entered_at <= moment)


def _owner(condition: ColumnElement[bool]) -> ColumnElement[Any]:
    told = case((StageVisit.owner_known, StageVisit.owner_id), else_=_NOBODY)
    of_deal = (StageVisit.deal_id == Deal.id, StageVisit.pipeline_id == Deal.pipeline_id, condition)
    last = select(told).where(*of_deal).order_by(StageVisit.entered_at.desc(), StageVisit.id.desc()).limit(1)
    # A deal that no visit tells of is its owner's of today, as on its path.
    owner = func.coalesce(last.correlate_except(StageVisit).scalar_subquery(), Deal.owner_id)
    return func.nullif(owner, _NOBODY, type_=Deal.owner_id.type)
