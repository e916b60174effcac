"""Deals that began on a stage where none may begin."""

from __future__ import annotations

from sqlalchemy import ColumnElement, exists

from crm.analytics.trust.moves import NOT_BY_HAND
from crm.analytics.trust.values import Facts, Finding, Subject
from crm.models import Deal, StageVisit


def _began_elsewhere(facts: Facts) -> ColumnElement[bool]:
    return exists().where(
        StageVisit.deal_id == Deal.id,
        StageVisit.pipeline_id == Deal.pipeline_id,
        StageVisit.entered_at <= Deal.created_at,
        StageVisit.stage_id.not_in(sorted(facts.starting)),
    )


FINDING = Finding(
    code="born_late",
    subject=Subject.NEW,
    weight=5,
    looked_at=lambda facts: Deal.created_channel.not_in(NOT_BY_HAND),
    found=_began_elsewhere,
)
