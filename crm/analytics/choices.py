"""What a scope can be made of: pipelines, people, teams, sources, fields; and since when there are figures."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.analytics.scope import FIRST_DAY, LAST_DAY, Scope
from crm.analytics.segments import CODES, RANGES
from crm.auth.permissions import Action, require
from crm.auth.visibility import deal_in_use, deal_visible, owner_visible
from crm.clock import utc_now
from crm.models import Deal, DealStatus, FieldType, Pipeline, StageReach, Team, User
from crm.pipelines.reads import load_fields
from crm.pipelines.values import FieldInfo

MOST_SOURCES = 200


@dataclass(frozen=True, slots=True)
class ScopeChoices:
    """Names by id in the order to show them; of people and teams only those in sight, switched-off ones too.

    Figures are split by `fields`, those with one choice, and narrowed by `narrowing`: all but texts.
    """

    pipelines: dict[int, str]
    owners: dict[int, str]
    teams: dict[int, str]
    fields: tuple[FieldInfo, ...]
    narrowing: tuple[FieldInfo, ...]


def load_choices(session: Session, actor: Actor) -> ScopeChoices:
    """Return what a scope can be narrowed to, sources aside.

    Errors: Forbidden.
    """
    require(actor, Action.SEE_ANALYTICS)
    order = (Pipeline.is_archived, Pipeline.position, Pipeline.id)
    pipelines = session.execute(select(Pipeline.id, Pipeline.name).order_by(*order)).all()
    people = session.execute(
        select(User.id, User.name, User.team_id)
        .where(owner_visible(actor, User.id))
        .order_by(User.is_active.desc(), User.name, User.id)
    ).all()
    team_ids = {one.team_id for one in people if one.team_id is not None}
    teams = session.execute(select(Team.id, Team.name).where(Team.id.in_(team_ids)).order_by(Team.name, Team.id))
    fields = load_fields(session)
    return ScopeChoices(
        pipelines=dict(pipelines),
        owners={one.id: one.name for one in people},
        teams=dict(teams.all()),
        fields=tuple(one for one in fields if one.type is FieldType.CHOICE),
        narrowing=tuple(one for one in fields if one.type in CODES | RANGES),
    )


def load_sources(session: Session, actor: Actor) -> tuple[str, ...]:
    """Return the sources of visible deals by name, the first two hundred.

    Errors: Forbidden.
    """
    require(actor, Action.SEE_ANALYTICS)
    if actor.visible_owner_ids is not None:
        query = select(Deal.source).where(deal_visible(actor), Deal.source > "")
        return tuple(session.scalars(query.distinct().order_by(Deal.source).limit(MOST_SOURCES)))
    # From each to the next one of the index: not one look at each deal.
    first = select(func.min(Deal.source).label("source")).where(Deal.source > "", deal_in_use())
    known = first.cte("known", recursive=True)
    following = select(func.min(Deal.source)).where(Deal.source > known.c.source, deal_in_use())
    known = known.union_all(select(following.correlate(known).scalar_subquery()).where(known.c.source.is_not(None)))
    listed = select(known.c.source).where(known.c.source.is_not(None)).limit(MOST_SOURCES)
    return tuple(session.scalars(listed))


def first_day(session: Session, pipeline_ids: tuple[int, ...], zone: str) -> date | None:
    """Return the day on which the first deal came to one of the pipelines, to any without ids; None without deals."""
    ids = pipeline_ids or tuple(session.scalars(select(Pipeline.id)))
    # One by one: each is the first row of an index.
    found = [session.scalar(select(func.min(StageReach.began_at)).where(StageReach.pipeline_id == one)) for one in ids]
    moments = [one for one in found if one is not None]
    return min(moments).astimezone(ZoneInfo(zone)).date() if moments else None


def bounded(session: Session, scope: Scope) -> Scope:
    """Return the scope with its open ends where deals begin and today: months and weeks are made for no more."""
    zone = ZoneInfo(scope.zone)
    created_at = session.scalar(select(func.min(Deal.created_at)))
    found = [first_day(session, scope.pipeline_ids, scope.zone), created_at and created_at.astimezone(zone).date()]
    known = [one for one in found if one is not None]
    since = min([*known, scope.until]) if scope.since == FIRST_DAY and known else scope.since
    until = max(utc_now().astimezone(zone).date(), since) if scope.until == LAST_DAY else scope.until
    return replace(scope, since=since, until=until)


def is_busy_since(session: Session, pipeline_ids: tuple[int, ...], moment: datetime, least: int) -> bool:
    """Tell whether deals came to stages of the pipelines, any without ids, at least so many times since a moment."""
    ids = pipeline_ids or select(Pipeline.id)
    rows = select(StageReach.deal_id).where(StageReach.pipeline_id.in_(ids), StageReach.reached_at >= moment)
    return _are(session, rows, least)


def is_decided_since(session: Session, pipeline_ids: tuple[int, ...], moment: datetime, least: int) -> bool:
    """Tell whether at least so many deals of the pipelines, of any without ids, were closed since a moment."""
    ids = pipeline_ids or select(Pipeline.id)
    ended = Deal.status.in_((DealStatus.WON, DealStatus.LOST))
    return _are(session, select(Deal.id).where(Deal.pipeline_id.in_(ids), ended, Deal.closed_at >= moment), least)


def _are(session: Session, rows: Select[Any], least: int) -> bool:
    return (session.scalar(select(func.count()).select_from(rows.limit(least).subquery())) or 0) >= least
