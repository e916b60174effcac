"""New deals of which nobody says where they come from."""

from sqlalchemy import func

from crm.analytics.trust.values import Finding, Subject
from crm.models import Deal

FINDING = Finding(
    code="no_source", subject=Subject.NEW, weight=5, found=lambda facts: func.coalesce(Deal.source, "") == ""
)
