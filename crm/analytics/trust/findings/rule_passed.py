"""Stays that ended against the rules, with a head's reason."""

from sqlalchemy import select

from crm.analytics.trust.findings.went_back import has_ended
from crm.analytics.trust.values import Finding, Subject
from crm.models import RuleOverride, StageVisit

FINDING = Finding(
    code="rule_passed",
    subject=Subject.STAYS,
    weight=5,
    looked_at=has_ended,
    found=lambda facts: StageVisit.id.in_(select(RuleOverride.visit_id)),
)
