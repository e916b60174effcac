"""Won deals without an amount."""

from sqlalchemy import func

from crm.analytics.trust.values import Finding, Subject
from crm.models import Deal, DealStatus

FINDING = Finding(
    code="no_amount",
    subject=Subject.CLOSED,
    weight=10,
    looked_at=lambda facts: Deal.status == DealStatus.WON,
    found=lambda facts: func.coalesce(Deal.amount_minor, 0) == 0,
)
