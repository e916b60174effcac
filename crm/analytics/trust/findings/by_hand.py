"""New deals that somebody typed: no fault, but together with a high conversion a reason to look."""

from crm.analytics.trust.values import Finding, Subject
from crm.models import Channel, Deal

FINDING = Finding(code="by_hand", subject=Subject.NEW, weight=0, found=lambda facts: Deal.created_channel == Channel.UI)
