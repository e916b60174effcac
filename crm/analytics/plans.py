"""Which plan stands beside a figure: of the company or of people, of one pipeline, some or all, for its months."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.analytics.population import MONTH, OWNER, PIPELINE, TEAM, owned
from crm.analytics.scope import Scope
from crm.analytics.values import Ask
from crm.clock import utc_now
from crm.models import Pipeline, Target, TargetMetric, User

Plans = Mapping[TargetMetric, int]
_NO_PLANS: Plans = {}


@dataclass(frozen=True, slots=True)
class _Row:
    month: date
    metric: TargetMetric
    pipeline_id: int | None
    user_id: int | None
    team_id: int | None
    value: int


def plans_of(session: Session, actor: Actor, ask: Ask) -> Callable[[Any], Plans]:
    """Return the plans for each grouped value of a split by metric; none where none was set, or none can be.

    Only whole months have plans, and the present one, whose facts are still to come; a longer time has one where each
    of its months has. A scope of some sources, priorities or segments has none.
    """
    months = ask.scope.months()
    planned = [one.day for one in months if _is_whole(ask.scope, one.day)]
    is_narrow = ask.scope.sources or ask.scope.priorities or ask.scope.segments
    if is_narrow or not planned or ask.by not in (None, MONTH, OWNER, TEAM, PIPELINE):
        return lambda value: _NO_PLANS
    if ask.by != MONTH and len(planned) < len(months):
        return lambda value: _NO_PLANS
    rows = _rows(session, actor, ask.scope, planned)
    is_all = _has_all_pipelines(session, ask.scope)

    def plans(value: Any) -> Plans:
        if ask.by == MONTH:
            day = months[value].day
            return _of_months(rows, [day], ask, is_all) if day in planned else _NO_PLANS
        if ask.by == PIPELINE:
            return _of_months([one for one in rows if one.pipeline_id == value], planned, ask, False)
        if ask.by == OWNER:
            rows_ = [one for one in rows if one.user_id is not None and one.user_id == value]
        elif ask.by == TEAM:
            rows_ = [one for one in rows if one.team_id is not None and one.team_id == value]
        else:
            rows_ = rows
        return _of_months(rows_, planned, ask, is_all)

    return plans


def _of_months(rows: Sequence[_Row], months: Sequence[date], ask: Ask, is_all: bool) -> Plans:
    found: dict[TargetMetric, int] = {}
    for metric in TargetMetric:
        of_months = [
            _of_month([one for one in rows if one.month == month and one.metric is metric], ask, is_all)
            for month in months
        ]
        if all(one is not None for one in of_months):
            found[metric] = sum(one or 0 for one in of_months)
    return found


def _of_month(rows: Sequence[_Row], ask: Ask, is_all: bool) -> int | None:
    """Return the company's plan, else the sum of people's; where the scope is narrowed to people, theirs alone."""
    of_company = [one for one in rows if one.user_id is None]
    if not ask.scope.owner_ids and not ask.scope.team_ids:
        plan = _of_one(of_company, is_all)
        if plan is not None:
            return plan
    people: dict[int, list[_Row]] = {}
    for one in rows:
        if one.user_id is not None:
            people.setdefault(one.user_id, []).append(one)
    return _sum(_of_one(of_person, is_all) for of_person in people.values())


def _of_one(rows: Sequence[_Row], is_all: bool) -> int | None:
    """Return the plan for all pipelines where they are meant and it is set, else the sum of single ones'."""
    whole = next((one.value for one in rows if one.pipeline_id is None), None)
    if is_all and whole is not None:
        return whole
    return _sum(one.value for one in rows if one.pipeline_id is not None)


def _rows(session: Session, actor: Actor, scope: Scope, months: Sequence[date]) -> list[_Row]:
    query = select(
        Target.month, Target.metric, Target.pipeline_id, Target.user_id, User.team_id, Target.value
    ).outerjoin(User, User.id == Target.user_id)
    query = query.where(Target.month.in_(months))
    if scope.pipeline_ids:
        query = query.where(Target.pipeline_id.is_(None) | Target.pipeline_id.in_(scope.pipeline_ids))
    if actor.visible_owner_ids is None:
        query = query.where(Target.user_id.is_(None) | owned(scope, Target.user_id))
    else:  # facts of few, so no plan of all
        query = query.where(owned(scope, Target.user_id), Target.user_id.in_(sorted(actor.visible_owner_ids)))
    return [_Row(*row) for row in session.execute(query.order_by(Target.id))]


def _has_all_pipelines(session: Session, scope: Scope) -> bool:
    if not scope.pipeline_ids:
        return True
    return not session.scalars(select(Pipeline.id).where(Pipeline.id.not_in(scope.pipeline_ids)).limit(1)).all()


def _is_whole(scope: Scope, month: date) -> bool:
    today = utc_now().astimezone(ZoneInfo(scope.zone)).date()
    last = (month + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    return month >= scope.since and (last <= scope.until or month <= today <= scope.until)


def _sum(values: Iterable[int | None]) -> int | None:
    known = [one for one in values if one is not None]
    return sum(known) if known else None
