"""Stages that deals came past without being on them."""

from __future__ import annotations

from sqlalchemy import ColumnElement, or_

from crm.analytics.trust.values import Facts, Finding, Subject
from crm.models import StageReach


def _came_past(_facts: Facts) -> ColumnElement[bool]:
    return or_(StageReach.entered_at.is_(None), StageReach.entered_at > StageReach.reached_at)


FINDING = Finding(code="skipped", subject=Subject.REACHES, weight=5, found=_came_past)
