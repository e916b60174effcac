"""Deals closed long after the last work on them."""

from __future__ import annotations

from sqlalchemy import ColumnElement

from crm.analytics.trust.contacts import worked_by, worked_within
from crm.analytics.trust.findings.late_move import LATE_SECONDS
from crm.analytics.trust.values import Facts, Finding, Subject
from crm.models import Deal


def _worked_before(_facts: Facts) -> ColumnElement[bool]:
    return worked_by(Deal.id, Deal.closed_at)


def _is_late(_facts: Facts) -> ColumnElement[bool]:
    return ~worked_within(Deal.id, Deal.closed_at, LATE_SECONDS)


FINDING = Finding(code="late_close", subject=Subject.ENDS, weight=10, looked_at=_worked_before, found=_is_late)
