"""Won deals without a history: written down when all was over."""

from __future__ import annotations

from sqlalchemy import BigInteger, ColumnElement, and_, or_, type_coerce

from crm.analytics.trust.contacts import worked_by
from crm.analytics.trust.values import Facts, Finding, Subject
from crm.models import Channel, Deal, DealStatus

SHORTEST_SECONDS = 3600


def _won_here(_facts: Facts) -> ColumnElement[bool]:
    # An imported deal may have had a history elsewhere: it counts where something of it is known.
    told = or_(Deal.created_channel != Channel.IMPORT, worked_by(Deal.id, Deal.closed_at))
    return and_(Deal.status == DealStatus.WON, told)


def _is_sterile(_facts: Facts) -> ColumnElement[bool]:
    lasted = type_coerce(Deal.closed_at, BigInteger) - type_coerce(Deal.created_at, BigInteger)
    return or_(lasted < SHORTEST_SECONDS, ~worked_by(Deal.id, Deal.closed_at))


FINDING = Finding(code="sterile", subject=Subject.CLOSED, weight=10, looked_at=_won_here, found=_is_sterile)
