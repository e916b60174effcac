"""Moves of deals to a stage, as the visits that begin with them."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, case, false, true

from crm.models import Channel, Deal, StageVisit

NOT_BY_HAND = (Channel.IMPORT, Channel.SYSTEM)


def is_move() -> ColumnElement[bool]:
    """Say that the visit begins with somebody's move: it begins a stay, and the deal was there before."""
    begins = StageVisit.entered_at == StageVisit.stay_entered_at
    return and_(
        # PostgreSQL takes equal columns for rare, and would look through all visits for the newest moves.
        case((begins, true()), else_=false()),
        StageVisit.entered_at > Deal.created_at,
        StageVisit.channel != Channel.SYSTEM,
    )
