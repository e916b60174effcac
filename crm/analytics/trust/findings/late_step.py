"""Open deals whose step should have been done more than a day ago."""

from datetime import timedelta

from crm.analytics.trust.values import Finding, Subject
from crm.models import Deal

LATE = timedelta(days=1)

FINDING = Finding(
    code="late_step",
    subject=Subject.OPEN,
    weight=10,
    looked_at=lambda facts: Deal.next_due_at.is_not(None),
    found=lambda facts: Deal.next_due_at < facts.now - LATE,
)
