"""Lost deals closed as no deals at all: invalid, a duplicate, a test."""

from crm.analytics.lost import is_loss
from crm.analytics.trust.values import Finding, Subject
from crm.models import Deal, DealStatus

FINDING = Finding(
    code="invalid",
    subject=Subject.CLOSED,
    weight=5,
    looked_at=lambda facts: Deal.status == DealStatus.LOST,
    found=lambda facts: ~is_loss(),
)
