"""Moves of deals to a stage that somebody made here, not an import and not the program."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_

from crm.analytics.trust.values import Facts
from crm.models import Channel, Deal, StageVisit

NOT_BY_HAND = (Channel.IMPORT, Channel.SYSTEM)


def is_move(_facts: Facts) -> ColumnElement[bool]:
    """Say that the visit begins with a move: it begins a stay, and the deal was there before."""
    return and_(
        StageVisit.entered_at == StageVisit.stay_entered_at,
        StageVisit.entered_at > Deal.created_at,
        StageVisit.channel.not_in(NOT_BY_HAND),
    )
