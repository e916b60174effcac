"""Stays that ended by going back."""

from __future__ import annotations

from sqlalchemy import ColumnElement, or_

from crm.analytics.trust.values import Facts, Finding, Subject
from crm.models import StageVisit, VisitOutcome

ENDS = (VisitOutcome.FORWARD, VisitOutcome.BACK, VisitOutcome.WON, VisitOutcome.LOST)


def has_ended(_facts: Facts) -> ColumnElement[bool]:
    """Say that the deal left the stage, and went on, back or out."""
    # Not IN: SQLite would look each outcome up in a tree.
    return or_(*(StageVisit.outcome == one for one in ENDS))


FINDING = Finding(
    code="went_back",
    subject=Subject.STAYS,
    weight=5,
    looked_at=has_ended,
    found=lambda facts: StageVisit.outcome == VisitOutcome.BACK,
)
