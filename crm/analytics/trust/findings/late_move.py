"""Moves written down long after the work that led to them."""

from __future__ import annotations

from sqlalchemy import ColumnElement

from crm.analytics.trust.contacts import worked_by, worked_within
from crm.analytics.trust.values import Facts, Finding, Subject
from crm.models import StageVisit

LATE_SECONDS = 2 * 86400


def _worked_before(_facts: Facts) -> ColumnElement[bool]:
    return worked_by(StageVisit.deal_id, StageVisit.entered_at)


def _is_late(_facts: Facts) -> ColumnElement[bool]:
    return ~worked_within(StageVisit.deal_id, StageVisit.entered_at, LATE_SECONDS)


FINDING = Finding(code="late_move", subject=Subject.MOVES, weight=10, looked_at=_worked_before, found=_is_late)
